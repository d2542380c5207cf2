/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Single slot (bootloader spec 4.8): each image runs, or does not; updates come from elsewhere. */
#include "boot/permit.h"
#include "boot/place.h"
#include "dfu/err.h"

/* Whether no erase can harm the image and leave the mark: it ends below the mark's sector. */
static bool is_apart(const struct boot_pair *pair)
{
    struct dfu_area_span span = { pair->primary, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_sector last;
    struct dfu_image image;

    return dfu_image_open(&image, &reader, 0) == DFU_IMAGE_FINE &&
           dfu_area_sector_at(pair->primary, pair->primary->size - 1, &last) == DFU_OK &&
           image.end <= last.off;
}

/* The mark is a help, not a need: one that cannot be written costs a check at each start. */
static int mark_good(const struct boot_pair *pair)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;
    struct dfu_slot_state state;
    int err = dfu_slot_state_read(map, pair->primary, &state);

    if (!is_apart(pair)) {
        return DFU_OK;
    }
    if (!err && state.magic != DFU_MAGIC_GOOD) {
        err = dfu_trailer_write_magic(map, pair->primary);
    }
    if (!err && state.image_ok != DFU_FLAG_SET) {
        err = dfu_trailer_write_image_ok(map, pair->primary);
    }
    return err == DFU_ERR_POWER ? err : DFU_OK;
}

static int check(const struct boot_pair *pair, enum dfu_image_fault *fault,
                 struct dfu_verdict *verdict)
{
    bool is_once = cfg_of(pair)->validate_primary && cfg_of(pair)->validate_once;
    int err;

    if (is_once && permit_is_marked(cfg_of(pair), pair->primary)) {
        return place_check_magic(pair, pair->primary, verdict);
    }
    err = place_check(pair, pair->primary, fault, verdict);
    return !err && is_once && dfu_verdict_is_trusted(verdict) ? mark_good(pair) : err;
}

static int start(struct kept_boot kept, struct dfu_boot_result *out)
{
    const struct dfu_boot_config *cfg = fixed_boot(kept);

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        const struct boot_pair pair = { .kept = kept,
                                        .primary = cfg->map->images[i].primary,
                                        .image = i };
        struct dfu_verdict verdict = { 0 };
        int err = check(&pair, &out->fault, &verdict);

        out->swap[i] = DFU_SWAP_NONE;
        if (!err) {
            err = place_report(&pair, pair.primary, &verdict, out);
        }
        if (err) {
            out->fault_image = i;
            permit_withdraw(out);
            return err;
        }
    }
    return DFU_OK;
}

const struct dfu_boot_strategy dfu_boot_single_slot = {
    .mode = DFU_MODE_SINGLE_SLOT,
    .start = start,
    .look = place_look,
};
