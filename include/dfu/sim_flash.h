/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_flash.h - NOR flash that wears, tears and loses power.
 *
 * A program only clears bits (sets them where erased is 0x00), a second program of a write unit
 * is refused, erase works by sector. A power cut is chosen by operation number: before, after or
 * inside that operation; what a torn operation leaves follows from the seed alone. From the cut
 * on every operation fails with DFU_ERR_POWER and changes nothing until power returns.
 *
 * Memory is the caller's (RAM, or a mapped file: then the file is the device and survives the
 * process). One struct is one device; any number may live in a process. */
#ifndef DFU_SIM_FLASH_H
#define DFU_SIM_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Times of one part; the .c names the data sheet each figure comes from. */
struct dfu_sim_timing {
    const char *name;
    uint32_t erase_sector_us; /* for sector_size */
    uint32_t sector_size;
    uint32_t program_us; /* for program_size bytes, a part of it costs the whole */
    uint32_t program_size;
    uint32_t read_byte_ns;
    uint32_t endurance; /* erase cycles a sector is good for */
};

extern const struct dfu_sim_timing dfu_sim_nrf52840, dfu_sim_w25q;

enum dfu_sim_op_kind { DFU_SIM_WRITE = 'W', DFU_SIM_ERASE = 'E' };

struct dfu_sim_op {
    uint32_t number; /* from 1, since power on (dfu_sim_flash_power_on resets it) */
    enum dfu_sim_op_kind kind;
    uint32_t off, len;
    const uint8_t *data; /* of a write, valid during the call */
};

enum dfu_sim_cut_when {
    DFU_SIM_NO_CUT = 0,
    DFU_SIM_CUT_BEFORE, /* operation number cut_op does not happen */
    DFU_SIM_CUT_INSIDE, /* it is torn */
    DFU_SIM_CUT_AFTER,  /* it is complete, yet returns DFU_ERR_POWER */
};

struct dfu_sim_flash {
    uint8_t *mem;        /* size bytes */
    uint8_t *programmed; /* one bit per write unit, (size / write_size + 7) / 8 bytes; or NULL:
                             then a second program is refused only where it would change bits back */
    uint32_t *wear;      /* erases per sector in order, or NULL */
    uint32_t size;
    uint8_t write_size, erased;
    const struct dfu_sector_run *runs;
    uint8_t run_count;
    const struct dfu_sim_timing *timing; /* or NULL: no clock */

    void (*on_op)(void *ctx, const struct dfu_sim_op *op); /* after each whole operation; or NULL */
    void *on_op_ctx;

    /* state */
    enum dfu_sim_cut_when cut_when;
    uint32_t cut_op;
    uint64_t seed;
    uint32_t ops; /* writes and erases since power on */
    bool is_off;
    bool allow_reprogram; /* parts that tolerate programming a unit twice */
    uint64_t elapsed_us;  /* by the timing model, never wall-clock */
    uint32_t elapsed_rest_ns;
    uint64_t bytes_written, bytes_read;
    uint32_t erases, writes, double_programs; /* second programs of a unit, refused or not */
    struct dfu_sim_op last; /* the operation last begun, also when the power cut it; data is NULL */
};

/* Set geometry and buffers in the struct, then: erase everything, forget wear, power on. */
void dfu_sim_flash_format(struct dfu_sim_flash *flash);

/* Adopt mem as it is (a file of an earlier run): units that read erased count as not programmed. */
void dfu_sim_flash_adopt(struct dfu_sim_flash *flash);

/* Restore power: operation numbers start at 1 again and no cut is armed. */
void dfu_sim_flash_power_on(struct dfu_sim_flash *flash);

/* Arm a cut at operation op (from 1) after this power on. */
void dfu_sim_flash_cut(struct dfu_sim_flash *flash, enum dfu_sim_cut_when when, uint32_t op,
                       uint64_t seed);

/* Put bytes in without counting (a programmer, a test's poke); units become programmed. */
int dfu_sim_flash_load(struct dfu_sim_flash *flash, uint32_t off, const void *data, size_t len);

/* An area on this device covering [base, base + size); runs must be that area's own. */
struct dfu_area dfu_sim_flash_area(struct dfu_sim_flash *flash, const char *label, uint32_t base,
                                   uint32_t size, const struct dfu_sector_run *runs,
                                   uint8_t run_count);

/* The sector with the most erases, and how many. */
uint32_t dfu_sim_flash_most_worn(const struct dfu_sim_flash *flash, uint32_t *erases);

#ifdef __cplusplus
}
#endif
#endif
