/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/spare.h"

#include "base/bytes.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"
#include "flash/fixed.h"

#define SPARE_TAG  0x5ea0u /* so that left-over bytes do not read as a record; plus the type */
#define SPARE_VOID 0x5eafu /* what stands before this counts no more */
#define SPARE_OVER \
    0xa151u /* the trial has ended; no torn tag of either kind reads as one of the other */
#define SPARE_SIZE 4u /* tag, index */

#define FIRST_IS_DONE 0x52u /* no torn program of it reads as a flag that is set */

struct spare_list {
    uint32_t off, stride, count;
};

/* A list that could not be cleaned away must not count in the swap that comes next. */
static uint16_t tag_of(const struct swap *swap)
{
    return (uint16_t)(SPARE_TAG | (swap->type & 0x0fu));
}

static int find_list(const struct boot_pair *pair, struct spare_list *out)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, pair->secondary, &at);

    if (err) {
        return err;
    }
    out->off = at.status;
    out->stride = round_up(SPARE_SIZE, fixed_write_size(pair->secondary));
    out->count = at.status_count * fixed_write_size(pair->secondary) / out->stride;
    return DFU_OK;
}

/* Into the first unit that takes it: one that was torn may read erased and refuse. */
static int append(const struct boot_pair *pair, uint16_t tag, uint32_t index)
{
    uint8_t raw[SPARE_SIZE];
    struct spare_list list;
    int err = find_list(pair, &list);

    put_le16(raw, tag);
    put_le16(raw + 2, (uint16_t)index);
    for (uint32_t i = 0; !err && i < list.count; i++) {
        uint32_t at = list.off + i * list.stride;
        int erased = dfu_area_is_erased(pair->secondary, at, list.stride);

        if (erased < 0) {
            return erased;
        }
        if (erased) {
            err = dfu_area_write_padded(pair->secondary, at, raw, sizeof raw);
            if (!err || err == DFU_ERR_POWER) {
                return err;
            }
            err = DFU_OK;
        }
    }
    return err ? err : DFU_ERR_IO; /* not that of a swap that never began */
}

/* One more than the highest index that stands with a tag, 0 if there is none. */
static int count_tag(const struct boot_pair *pair, uint16_t tag, uint32_t *count)
{
    uint8_t raw[SPARE_SIZE];
    struct spare_list list;
    int err = find_list(pair, &list);

    *count = 0;
    for (uint32_t i = 0; !err && i < list.count; i++) {
        err = dfu_area_read(pair->secondary, list.off + i * list.stride, raw, sizeof raw);
        if (!err && get_le16(raw) == tag) {
            *count = max_u32(*count, get_le16(raw + 2) + 1u);
        } else if (!err && get_le16(raw) == SPARE_VOID && tag != SPARE_OVER) {
            *count = 0;
        }
    }
    return err;
}

/* What follows the first record in scratch is the erase of this list together with the image beside
 * it. So that one is noted by the copy_done of scratch, which no other swap uses like this. */
static bool is_first_in_scratch(const struct swap *swap, const struct swap_mark *mark)
{
    return cfg_of(swap->pair)->map->scratch && mark->area && mark->index == 0;
}

int spare_write(const struct swap *swap, const struct swap_mark *mark)
{
    static const uint8_t first_is_done = FIRST_IS_DONE;

    return is_first_in_scratch(swap, mark)
               ? dfu_area_write_padded(mark->area, swap->scratch_at.copy_done, &first_is_done, 1)
               : append(swap->pair, tag_of(swap), mark->index);
}

static int count_in_scratch(const struct swap *swap, uint32_t *count)
{
    uint8_t note;
    int err = dfu_area_read(cfg_of(swap->pair)->map->scratch, swap->scratch_at.copy_done, &note, 1);

    if (!err && note == FIRST_IS_DONE) {
        *count = max_u32(*count, 1);
    }
    return err;
}

int spare_count(const struct swap *swap, uint32_t *count)
{
    int err = count_tag(swap->pair, tag_of(swap), count);

    return err || !cfg_of(swap->pair)->map->scratch || !swap->is_in_scratch
               ? err
               : count_in_scratch(swap, count);
}

int spare_end_trial(const struct swap *swap)
{
    return append(swap->pair, SPARE_OVER, 0);
}

int spare_is_trial_over(const struct boot_pair *pair)
{
    uint32_t count;
    int err = count_tag(pair, SPARE_OVER, &count);

    return err ? err : count > 0;
}

int spare_forget(const struct swap *swap)
{
    uint32_t count;
    int err = spare_count(swap, &count);

    return err || count == 0 ? err : append(swap->pair, SPARE_VOID, 0);
}

int spare_clean(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    struct spare_list list;
    struct dfu_sector first;
    int err = find_list(pair, &list);
    int erased =
        err ? err : dfu_area_is_erased(pair->secondary, list.off, list.count * list.stride);

    if (erased < 0) {
        return erased;
    }
    if (!erased) {
        err = dfu_area_sector_at(pair->secondary, list.off, &first);
    }
    /* Where the image shares that sector the list stays. */
    return err || erased || swap->end > first.off ? err : slot_erase_trailer(pair, pair->secondary);
}
