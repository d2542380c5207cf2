/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The last two writes of an upgrade, and what to do when one of them was torn. */
#include "boot/slot_ops.h"
#include "boot/spare.h"
#include "boot/swap.h"
#include "boot/way_back.h"
#include "dfu/err.h"

static bool is_confirming(enum dfu_swap_type type)
{
    return type == DFU_SWAP_PERM || type == DFU_SWAP_REVERT;
}

/* A finished trailer needs no records. Where it was made anew while the secondary asked for the old
 * image, the first of them says so, and the second that the request is withdrawn: an erase that is
 * torn in between may leave the request's magic without what else it said. */
#define WITHDRAWING 0x57u
#define WITHDRAWN   0x01u

static int write_mark(const struct swap *swap, uint32_t index, uint8_t value)
{
    return dfu_area_write_padded(swap->pair->primary,
                                 swap->at.status + index * swap->at.status_stride, &value,
                                 sizeof value);
}

int swap_is_withdrawing(const struct swap *swap)
{
    const struct dfu_trailer *at = &swap->at;
    uint8_t mark;
    int err = dfu_area_read(swap->pair->primary, at->status, &mark, sizeof mark);

    if (err) {
        return err;
    }
    return mark == WITHDRAWING
               ? dfu_area_is_erased(swap->pair->primary, at->status + at->status_stride,
                                    (at->status_count - 1) * at->status_stride)
               : 0;
}

/* Into the first unit that takes it. */
static int write_withdrawn(const struct swap *swap)
{
    int err = DFU_ERR_IO;

    for (uint32_t i = 1; err && err != DFU_ERR_POWER && i < swap->at.status_count; i++) {
        err = write_mark(swap, i, WITHDRAWN);
    }
    return err;
}

static int write_finished_trailer(const struct swap *swap)
{
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    const struct dfu_area *primary = swap->pair->primary;
    int err = slot_erase_trailer(swap->pair, primary);

    if (!err && !is_confirming(swap->type)) {
        err = write_mark(swap, 0, WITHDRAWING);
    }
    if (!err && swap->type != DFU_SWAP_NONE) {
        err = dfu_trailer_write_swap_info(map, primary, swap->type, swap->pair->image);
    }
    if (!err && is_confirming(swap->type)) {
        err = dfu_trailer_write_image_ok(map, primary);
    }
    if (!err) {
        err = swap_write_size(swap, primary);
    }
    if (!err) {
        err = dfu_trailer_write_copy_done(map, primary);
    }
    return err ? err : dfu_trailer_write_magic(map, primary);
}

int swap_end_trial(const struct swap *swap, bool is_withdrawing)
{
    int err = is_withdrawing ? DFU_OK : write_finished_trailer(swap);

    if (!err) {
        err = slot_erase_trailer(swap->pair, swap->pair->secondary);
    }
    return err ? err : write_withdrawn(swap);
}

/* A copy_done that can not be written again: make the whole trailer anew. Without one, a trial
 * would stay for good, so until it is back the secondary asks for the old image; and notes that it
 * does so for this reason, so that the next start makes the trailer first. Where the trailer may
 * share its sector with the image, that note has to do. */
static int rebuild_trailer(const struct swap *swap)
{
    const struct swap_plan *plan = cfg_of(swap->pair)->strategy->plan;
    int err = way_back_note(swap);

    if (!err && plan->request_back) {
        err = slot_erase_trailer(swap->pair, swap->pair->secondary);
    }
    if (!err) {
        err = spare_end_trial(swap);
    }
    if (err || !plan->request_back) {
        return err;
    }
    err = plan->request_back(swap);
    return err ? err : swap_end_trial(swap, false);
}

/* copy_done beside an image_ok that reads erased would mean revert, so it waits for image_ok. A
 * torn image_ok means nothing to the loader, but could never be confirmed: with copy_done set, no
 * torn erase looks like a swap to be done, and the trailer can be made anew. */
static int write_flags(const struct swap *swap)
{
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    bool can_rebuild = cfg_of(swap->pair)->strategy->plan->request_back != NULL;
    struct dfu_slot_state primary;
    int err = dfu_slot_state_read(map, swap->pair->primary, &primary);

    if (!err && is_confirming(swap->type) && primary.image_ok == DFU_FLAG_UNSET) {
        err = dfu_trailer_write_image_ok(map, swap->pair->primary);
    }
    if (!err) {
        err = dfu_trailer_write_copy_done(map, swap->pair->primary);
    }
    if (!err && can_rebuild && is_confirming(swap->type) && primary.image_ok == DFU_FLAG_BAD) {
        err = write_finished_trailer(swap);
    }
    return err;
}

int swap_complete(const struct swap *swap)
{
    int err = write_flags(swap);

    if (err == DFU_ERR_POWER || swap->size == 0) {
        return err;
    }
    if (!err) {
        return spare_clean(swap);
    }
    /* An image that stays needs no flag: the finished records say at each start that nothing is
     * left to do. Erasing them is what must not happen: torn, it could leave the order to swap
     * without the records of having done so. */
    return is_confirming(swap->type) ? DFU_OK : rebuild_trailer(swap);
}
