/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes in slots, trailers, scratch and the loader's own records, in every mode: every start
 * ends after bounded work, stays inside its areas, says why it refuses, runs only what verifies,
 * and does what the outlook foretold.
 *
 * Input: three bytes of configuration (mode; switches; what was asked and cut before), then pokes:
 * where (u16), how many bytes (u8), the bytes. The slots hold an old and a new image, or what is
 * poked over them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "boot_world.h"
#include "dfu/attempts.h"
#include "dfu/err.h"
#include "dfu/history.h"
#include "dfu/revoke.h"
#include "dfu/update.h"
#include "test_image.h"

#define SECTOR      512u
#define IMAGE_SIZE  1100u
#define OPS_MAX     700u    /* a swap and its trailers are about 60 */
#define READ_MAX    400000u /* bytes of a start: each image is hashed a few times */
#define STARTS      3
#define HEADER_SIZE 5 /* mode, switches, past, and where it was cut */

static const uint8_t kek[16] = "of the device..";
static const struct dfu_unwrap_key unwrap_key = { &dfu_unwrap_kw_openssl, kek, sizeof kek };
static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                        &unwrap_key, 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    enum dfu_boot_mode mode;
    bool is_fast, moves;
    uint8_t primary, secondary; /* sectors */
} modes[] = {
    { DFU_MODE_OVERWRITE, false, true, 5, 5 },
    { DFU_MODE_SWAP_MOVE, false, true, 6, 5 },
    { DFU_MODE_OVERWRITE, true, true, 5, 5 },
    { DFU_MODE_SWAP_OFFSET, false, true, 5, 6 },
    { DFU_MODE_SWAP_SCRATCH, false, true, 5, 5 },
    { DFU_MODE_DIRECT_XIP, false, false, 5, 5 },
    { DFU_MODE_DIRECT_XIP_REVERT, false, false, 5, 5 },
    { DFU_MODE_RAM_LOAD, false, false, 5, 5 },
    { DFU_MODE_RAM_LOAD_REVERT, false, false, 5, 5 },
    { DFU_MODE_SINGLE_SLOT, false, false, 5, 0 },
    { DFU_MODE_FIRMWARE_LOADER, false, false, 5, 5 },
};

enum {
    ERASED_0 = 1,
    DOWNGRADE = 2,
    BOOTSTRAP = 4,
    UNIT_8 = 8,
    BEYOND = 16,
    SKIP = 32,
    TRUSTING = 64,
    ENCRYPTED = 128 /* with units of 8, keys are kept as they came */
};
enum { ASK = 1, PERMANENT = 2, START_CUT = 4, START_WHOLE = 8, CONFIRM = 16 };

struct fuzz {
    struct world w;
    struct dfu_boot_attempts attempts;
    struct dfu_boot_history history;
    struct dfu_boot_revocation revocation;
    bool is_told; /* that nothing may run */
    bool is_named;
};

static struct world_area_spec sectors(uint8_t count, uint8_t unit)
{
    return (struct world_area_spec){
        .size = count * SECTOR,
        .write_size = unit,
        .runs = { { SECTOR, count } },
        .run_count = 1,
    };
}

static struct world_spec spec_of(size_t mode, uint8_t switches)
{
    uint8_t unit = (switches & UNIT_8) != 0 ? 8 : 4;
    bool runs_in_place =
        modes[mode].mode == DFU_MODE_DIRECT_XIP || modes[mode].mode == DFU_MODE_DIRECT_XIP_REVERT;
    bool is_encrypted = (switches & ENCRYPTED) != 0 && !runs_in_place;
    struct world_spec spec = {
        .mode = modes[mode].mode,
        .is_fast = modes[mode].is_fast,
        .max_align = 8,
        .max_sectors = 8,
        .erased = (switches & ERASED_0) != 0 ? 0x00 : 0xff,
        .validate_primary = (switches & TRUSTING) == 0,
        .prevent_downgrade = (switches & DOWNGRADE) != 0,
        .bootstrap = (switches & BOOTSTRAP) != 0,
        .guard = SECTOR,
        .decryption = is_encrypted ? &decryption : NULL,
        .key_size = is_encrypted ? 24 : 0, /* of a wrapped key */
        .keeps_wrapped_keys = unit == 8,
    };

    spec.areas[WORLD_PRI] = sectors(modes[mode].primary, unit);
    if (modes[mode].secondary > 0) {
        spec.areas[WORLD_SEC] = sectors(modes[mode].secondary, unit);
    }
    spec.areas[WORLD_SCR] = sectors(2, unit); /* or the loader's records */
    return spec;
}

static void note(void *ctx, const struct dfu_boot_event *event)
{
    struct fuzz *f = (struct fuzz *)ctx;
    char line[WORLD_LINE_SIZE];

    dfu_boot_event_text(event, line, sizeof line);
    assert(line[0] == 'I' || line[0] == 'W' || line[0] == 'E');
    f->is_told = f->is_told || event->id == DFU_BOOT_EV_NO_IMAGE;
    f->is_named = f->is_named || line[0] != 'I' || event->id == DFU_BOOT_EV_SLOT_EMPTY ||
                  event->id == DFU_BOOT_EV_NO_SLOT;
}

static void set_up(struct fuzz *f, size_t mode, uint8_t switches)
{
    const struct world_spec spec = spec_of(mode, switches);
    struct dfu_boot_config *cfg = &f->w.cfg;

    memset(f, 0, sizeof *f);
    boot_world_init(&f->w, &spec);
    if (spec.mode != DFU_MODE_SWAP_SCRATCH) {
        f->w.map.scratch = NULL;
    }
    if (spec.mode != DFU_MODE_SWAP_SCRATCH && (switches & BEYOND) != 0) {
        const struct dfu_area *area = &f->w.area[WORLD_SCR]; /* all in one: worse than any use */

        f->attempts = (struct dfu_boot_attempts){ &dfu_boot_attempts_rules, area, 3 };
        f->history = (struct dfu_boot_history){ &dfu_boot_history_rules, area };
        f->revocation = (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, area };
        cfg->attempts = &f->attempts;
        cfg->history = &f->history;
        cfg->revocation = &f->revocation;
    }
    cfg->skip = (switches & SKIP) != 0 ? &dfu_boot_skip_equal : NULL;
    cfg->event = note;
    cfg->ctx = f;
}

static void put_image(struct world *w, enum world_place place, uint8_t major)
{
    uint8_t image[IMAGE_SIZE];
    bool is_loaded = w->map.mode == DFU_MODE_RAM_LOAD || w->map.mode == DFU_MODE_RAM_LOAD_REVERT;
    struct test_recipe recipe = {
        .hdr_size = 32,
        .content_key = w->spec.decryption ? kek : NULL,
        .kek = kek,
        .crypt_len = sizeof kek,
        .load_addr = is_loaded ? WORLD_RAM_ADDR : 0,
        .flags = is_loaded ? DFU_IMAGE_F_RAM_LOAD : 0,
        .version = { .major = major },
        .pattern = major,
        .tlvs = { { DFU_TLV_SHA256, NULL, 32 } },
        .tlv_count = 1,
    };

    recipe.body = (uint32_t)(sizeof image - test_image_size(&recipe));
    test_image_build(&recipe, image);
    if (place != WORLD_PRI || is_loaded) {
        test_image_crypt(&recipe, image);
    }
    boot_world_load(w, place, place == WORLD_SEC ? dfu_slot_upload_offset(&w->map, 0) : 0, image,
                    sizeof image);
}

/* What the device went through before the bytes came. */
static void live(struct fuzz *f, const uint8_t *header)
{
    struct world *w = &f->w;
    uint8_t past = header[2];
    const struct dfu_area *secondary = w->map.images[0].secondary;

    if ((past & ASK) != 0 && secondary) {
        (void)dfu_boot_set_next(&w->map, secondary, false, (past & PERMANENT) != 0);
    }
    if ((past & START_WHOLE) != 0) {
        dfu_sim_flash_power_on(&w->sim);
        (void)boot_world_start(w);
    }
    if ((past & CONFIRM) != 0) {
        (void)dfu_boot_write_img_confirmed(&w->map, 0);
    }
    if ((past & START_CUT) != 0) {
        dfu_sim_flash_power_on(&w->sim);
        dfu_sim_flash_cut(&w->sim, DFU_SIM_CUT_INSIDE, header[3], header[4]);
        (void)boot_world_start(w);
    }
    dfu_sim_flash_power_on(&w->sim);
}

static void poke(struct world *w, const uint8_t *data, size_t size)
{
    uint32_t all = w->sim.size - 2 * SECTOR; /* without the guards */

    while (size > 3) {
        uint32_t off = get_le16(data) % all;
        uint32_t len = min_u32(min_u32(data[2], (uint32_t)size - 3), all - off);

        memcpy(w->sim.mem + SECTOR + off, data + 3, len);
        data += 3 + len;
        size -= 3 + len;
    }
    dfu_sim_flash_adopt(&w->sim);
}

/* The image that runs passes a check that the loader has no part in. */
static void check_what_runs(const struct fuzz *f, const struct dfu_boot_result *result)
{
    const struct dfu_boot_place *place = &result->places[0];
    struct dfu_memory_span ram = { place->ram, place->ram_len };
    struct dfu_area_span slot = { place->area, place->off };
    struct dfu_reader reader = place->ram ? dfu_memory_reader(&ram) : dfu_area_reader(&slot);
    struct dfu_image_policy policy = f->w.cfg.policy;
    struct dfu_image_report report;
    uint8_t buf[256];

    policy.body_is_clear = true; /* what runs is plain */
    assert(place->area == result->area);
    assert(place->area == f->w.map.images[0].primary ||
           place->area == f->w.map.images[0].secondary);
    if (f->w.spec.validate_primary || !f->w.cfg.strategy) {
        dfu_image_verify(&policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
        assert(dfu_verdict_is_trusted(&report.verdict));
    }
}

/* Where the first fill of a broken primary is left aside: what its copy brings along may stop it. */
static void check_outlook(const struct fuzz *f, const struct dfu_boot_outlook *outlook,
                          const struct world_boot *boot)
{
    bool fills = f->w.cfg.bootstrap && !dfu_verdict_is_trusted(&outlook->primary_report.verdict);

    if (outlook->resumes) {
        assert(boot->result.resumed);
    } else if (!fills) {
        assert(outlook->swap == boot->result.swap[0]);
    }
}

static void start(struct fuzz *f, bool moves)
{
    struct dfu_boot_outlook outlook;
    struct world *w = &f->w;
    struct world_boot boot;
    uint64_t read;

    dfu_sim_flash_power_on(&w->sim);
    assert(dfu_boot_look(&w->cfg, 0, &outlook) == DFU_OK);
    assert(w->sim.ops == 0);
    read = w->sim.bytes_read;
    f->is_told = f->is_named = false;
    boot = boot_world_start(w);
    assert(boot.err == DFU_OK || boot.err == DFU_ERR_VERIFY);
    assert(boot.ops < OPS_MAX);
    assert(w->sim.bytes_read - read < READ_MAX);
    assert(boot_world_guard_is_intact(w));
    assert(f->is_told == (boot.err != DFU_OK));
    assert(f->is_named || boot.result.update_fault == DFU_IMAGE_FINE ||
           boot.result.update_fault == DFU_IMAGE_BAD_MAGIC);
    if (boot.err == DFU_OK) {
        check_what_runs(f, &boot.result);
    }
    if (moves) {
        check_outlook(f, &outlook, &boot);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    size_t mode;

    if (size < HEADER_SIZE) {
        return 0;
    }
    mode = data[0] % (sizeof modes / sizeof modes[0]);
    set_up(&f, mode, data[1]);
    put_image(&f.w, WORLD_PRI, 1);
    if (modes[mode].secondary > 0) {
        put_image(&f.w, WORLD_SEC, 2);
    }
    live(&f, data);
    poke(&f.w, data + HEADER_SIZE, size - HEADER_SIZE);
    for (int i = 0; i < STARTS; i++) {
        start(&f, modes[mode].moves);
    }
    boot_world_free(&f.w);
    return 0;
}
