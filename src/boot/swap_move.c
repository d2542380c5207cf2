/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using move (bootloader spec 4.3): shift the primary up by one sector, last sector first;
 * then, from the bottom, fetch a sector of the new image and store one of the old. */
#include "boot/boot.h"
#include "boot/copy.h"
#include "boot/swap.h"
#include "boot/way_back.h"
#include "dfu/err.h"
#include "flash/fixed.h"

static int move_measure(struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    uint32_t unit = fixed_sector_size() > 0 ? fixed_sector_size() : pair->primary->runs[0].size;
    struct dfu_trailer secondary_at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, pair->secondary, &secondary_at);

    if (err) {
        return err;
    }
    swap->unit = unit;
    swap->count = swap->size / unit + (swap->size % unit != 0);
    swap->available = swap->at.status / unit * unit;
    swap->required = swap->count < UINT32_MAX / unit - 1 ? (swap->count + 1) * unit : UINT32_MAX;
    if (swap->count == 0) {
        return DFU_ERR_FORMAT;
    }
    return swap->required > swap->available || swap->count > secondary_at.status / unit
               ? DFU_ERR_NOSPACE
               : DFU_OK;
}

static uint32_t move_steps(const struct swap *swap)
{
    return 3 * swap->count;
}

static struct swap_step move_step(const struct swap *swap, uint32_t n)
{
    const struct dfu_area *primary = swap->pair->primary;
    const struct dfu_area *secondary = swap->pair->secondary;
    uint32_t unit = swap->unit;
    uint32_t i;

    if (n < swap->count) {
        i = swap->count - n;
        return (struct swap_step){ primary, primary, i * unit, (i - 1) * unit, unit };
    }
    i = (n - swap->count) / 2;
    return (n - swap->count) % 2 == 0
               ? (struct swap_step){ primary, secondary, i * unit, i * unit, unit }
               : (struct swap_step){ secondary, primary, i * unit, (i + 1) * unit, unit };
}

/* The records of the second phase begin where the largest first phase would end. */
static struct swap_mark move_mark(const struct swap *swap, uint32_t n)
{
    uint32_t i = n - swap->count;

    if (n < swap->count) {
        return (struct swap_mark){ NULL, n, n + 1, 1 };
    }
    return (struct swap_mark){ NULL, cfg_of(swap->pair)->map->max_sectors + i, i / 2 + 1,
                               (uint8_t)(i % 2 + 1) };
}

static struct swap_place move_header(const struct swap *swap, bool of_primary)
{
    const struct dfu_area *primary = swap->pair->primary;
    const struct dfu_area *secondary = swap->pair->secondary;
    uint32_t swapped = swap->done - swap->count; /* steps of the second phase */

    if (swap->done < swap->count || swap->done == move_steps(swap)) {
        return (struct swap_place){ of_primary ? primary : secondary, 0 };
    }
    if (of_primary) { /* shifted up until sector 0 of the secondary holds it */
        return swapped < 2 ? (struct swap_place){ primary, swap->unit }
                           : (struct swap_place){ secondary, 0 };
    }
    return (struct swap_place){ swapped < 1 ? secondary : primary, 0 };
}

static const struct swap_plan move_plan = {
    .algorithm = "move",
    .measure = move_measure,
    .steps = move_steps,
    .step = move_step,
    .mark = move_mark,
    .header = move_header,
    .prepare = swap_prepare,
    .request_back = swap_request_back,
    .finish = way_back_forget,
};

const struct dfu_boot_strategy dfu_boot_swap_move = {
    .mode = DFU_MODE_SWAP_MOVE,
    .start = boot_upgrade,
    .look = boot_upgrade_look,
    .plan = &move_plan,
    .copy = copy_into_broken_primary,
};
