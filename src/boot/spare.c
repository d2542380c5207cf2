/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/spare.h"

#include "base/bytes.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

#define SPARES     8u
#define SPARE_TAG  0x5ea0u /* so that left-over bytes do not read as a record; plus the type */
#define SPARE_SIZE 4u      /* tag, index */

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
    int err = dfu_slot_trailer(pair->cfg->map, pair->secondary, &at);

    if (err) {
        return err;
    }
    out->off = at.status;
    out->stride = round_up(SPARE_SIZE, pair->secondary->write_size);
    out->count = min_u32(SPARES, (at.swap_size - at.status) / out->stride);
    return DFU_OK;
}

int spare_write(const struct swap *swap, uint32_t index)
{
    const struct boot_pair *pair = swap->pair;
    uint8_t raw[SPARE_SIZE];
    struct spare_list list;
    int err = find_list(pair, &list);

    put_le16(raw, tag_of(swap));
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
            err = DFU_OK; /* this unit was torn as well: try the next */
        }
    }
    return err ? err : DFU_ERR_NOSPACE;
}

int spare_find(const struct swap *swap, uint32_t index)
{
    const struct boot_pair *pair = swap->pair;
    uint8_t raw[SPARE_SIZE];
    struct spare_list list;
    int err = find_list(pair, &list);

    for (uint32_t i = 0; !err && i < list.count; i++) {
        err = dfu_area_read(pair->secondary, list.off + i * list.stride, raw, sizeof raw);
        if (!err && get_le16(raw) == tag_of(swap) && get_le16(raw + 2) == index) {
            return 1;
        }
    }
    return err;
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
