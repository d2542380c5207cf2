/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_world.h - one simulated device for tests of the bootloader: flash with its slots, the real
 * dfu_boot(), and the real application calls; states of its flash can be kept and put back.
 *
 * All areas lie on one flash, one after the other, so that operations are numbered across them.
 * A bit of foreign flash (guard bytes) lies before and after. */
#ifndef TEST_BOOT_WORLD_H
#define TEST_BOOT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/boot.h"
#include "dfu/sim_flash.h"

#define WORLD_RUNS_MAX  6
#define WORLD_LINES_MAX 64
#define WORLD_LINE_SIZE 160

#define WORLD_PAIRS    4
#define WORLD_RAM_ADDR 0x20000000u
#define WORLD_RAM_SIZE 0x8000u

enum world_place {
    WORLD_PRI,
    WORLD_SEC,
    WORLD_SCR,
    WORLD_PRI1,
    WORLD_SEC1,
    WORLD_PRI2,
    WORLD_SEC2,
    WORLD_PRI3,
    WORLD_SEC3,
    WORLD_ATTEMPTS, /* the bootloader's own records */
    WORLD_HISTORY,
    WORLD_REVOKED,
    WORLD_COUNTER, /* where the device keeps its security counter */
    WORLD_PLACES
};

extern const char *const boot_world_place_names[WORLD_PLACES]; /* "pri", "sec", "scr", ... */

struct world_area_spec {
    uint32_t size; /* 0: there is no such area */
    uint8_t write_size;
    struct dfu_sector_run runs[WORLD_RUNS_MAX];
    uint8_t run_count;
};

struct world_spec {
    enum dfu_boot_mode mode;
    bool is_fast; /* overwrite: only what the image needs */
    uint8_t max_align;
    uint16_t max_sectors;
    uint8_t erased;
    bool validate_primary, prevent_downgrade, bootstrap;
    bool unpacks;              /* compressed images */
    const struct dfu_key *key; /* NULL: images are accepted by their hash alone */
    const struct dfu_image_decryption *decryption; /* NULL: none */
    uint16_t key_size;                             /* bytes kept of a content key */
    bool keeps_wrapped_keys;
    uint32_t guard; /* bytes of foreign flash before and after, a sector each; may be 0 */
    struct world_area_spec areas[WORLD_PLACES];
};

/* One flash operation as the device did it, offsets from the start of the flash. */
struct world_op {
    enum dfu_sim_op_kind kind;
    uint32_t off, len;
    const uint8_t *data; /* of a write; in the journal's memory */
};

struct world_journal {
    struct world_op *ops;
    size_t count, cap;
    uint8_t *data;
    size_t data_len, data_cap;
};

struct world_log {
    char lines[WORLD_LINES_MAX][WORLD_LINE_SIZE];
    size_t count;
};

struct world_boot {
    int err;
    struct dfu_boot_result result;
    uint32_t ops;
};

struct world {
    struct dfu_sim_flash sim;
    struct dfu_area area[WORLD_PLACES];
    struct dfu_slot_map map;
    struct dfu_boot_config cfg;
    struct world_spec spec;
    struct dfu_sector_run runs[WORLD_PLACES * WORLD_RUNS_MAX + 2];
    size_t state_size;             /* of one kept state */
    struct world_journal *journal; /* filled by every operation where not NULL */
    struct world_log *log;         /* the same for console lines */
    struct dfu_boot_ram ram[1];
    uint8_t ram_bytes[WORLD_RAM_SIZE];
    uint8_t buf[1024];
};

/* Blank flash. Free with boot_world_free. */
void boot_world_init(struct world *w, const struct world_spec *spec);
void boot_world_free(struct world *w);

/* Keep or put back the whole flash: state_size bytes. */
void boot_world_keep(const struct world *w, uint8_t *state);
void boot_world_restore(struct world *w, const uint8_t *state);

/* The bytes of one area, in place. */
uint8_t *boot_world_bytes(const struct world *w, enum world_place place);

/* The slots of an image pair. */
enum world_place boot_world_primary(uint8_t image);
enum world_place boot_world_secondary(uint8_t image);

/* Which area an offset of the flash is in; WORLD_PLACES if none. */
enum world_place boot_world_place_of(const struct world *w, uint32_t off);

/* Put bytes in as a programmer does. */
void boot_world_load(struct world *w, enum world_place place, uint32_t off, const void *data,
                     size_t len);

/* One start of the bootloader. Journal and log, where set, are cleared first. Power is as the
 * caller left it: dfu_sim_flash_power_on() before, and perhaps dfu_sim_flash_cut(). */
struct world_boot boot_world_start(struct world *w);

/* Do one recorded operation again. */
int boot_world_redo(struct world *w, const struct world_op *op);

/* Whether the foreign flash around the areas is as boot_world_init left it. */
bool boot_world_guard_is_intact(const struct world *w);

void boot_world_journal_clear(struct world_journal *journal);
void boot_world_journal_free(struct world_journal *journal);

#endif
