/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using offset (bootloader spec 4.4): the update lies one sector up in the secondary, so that
 * from the bottom a sector of the old image can be stored and one of the new fetched. A revert
 * goes the same way back, from the top. */
#include "base/bytes.h"
#include "boot/boot.h"
#include "boot/copy.h"
#include "boot/locate.h"
#include "boot/slot_ops.h"
#include "boot/spare.h"
#include "boot/swap.h"
#include "dfu/err.h"
#include "flash/fixed.h"

static int offset_measure(struct swap *swap)
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
    swap->required = swap->count < UINT32_MAX / unit - 1 ? swap->count * unit : UINT32_MAX;
    if (swap->count == 0) {
        return DFU_ERR_FORMAT;
    }
    /* The revert needs one sector more in the secondary. */
    if (swap->required > swap->available || swap->count >= secondary_at.status / unit) {
        return DFU_ERR_NOSPACE;
    }
    swap->end = swap->required + unit;
    return DFU_OK;
}

static uint32_t offset_steps(const struct swap *swap)
{
    return 2 * swap->count;
}

static struct swap_mark offset_mark(const struct swap *swap, uint32_t n)
{
    (void)swap;
    return (struct swap_mark){ NULL, n, n / 2 + 1, (uint8_t)(n % 2 + 1) };
}

/* A sector wholly above the image that it would be copied from holds nothing to keep. */
static struct swap_step offset_step(const struct swap *swap, uint32_t n)
{
    const struct dfu_area *primary = swap->pair->primary;
    const struct dfu_area *secondary = swap->pair->secondary;
    bool is_back = swap->type == DFU_SWAP_REVERT;
    bool is_store = n % 2 == 0;
    uint32_t unit = swap->unit;
    uint32_t x = is_back ? swap->count - 1 - n / 2 : n / 2;
    uint32_t len = x > swap->used[is_store ? 0 : 1] ? 0 : unit;

    if (is_store) {
        return (struct swap_step){ secondary, primary, (x + is_back) * unit, x * unit, len };
    }
    return (struct swap_step){ primary, secondary, x * unit, (x + !is_back) * unit, len };
}

/* MCUboot is one operation late with the last of an upgrade (B1). */
static struct swap_place offset_header(const struct swap *swap, bool of_primary)
{
    const struct swap_place first = { swap->pair->primary, 0 };
    const struct swap_place stored = { swap->pair->secondary, 0 };
    const struct swap_place staged = { swap->pair->secondary, swap->unit };
    uint32_t steps = offset_steps(swap);

    if (swap->type == DFU_SWAP_REVERT) {
        if (of_primary) {
            return swap->done + 1 < steps ? first : staged;
        }
        return swap->done < steps ? stored : first;
    }
    if (of_primary) {
        return swap->done == 0 ? first : stored;
    }
    return swap->done < 2 ? staged : first;
}

/* The request for the way back: only with copy_done does it read as a revert, which in this mode
 * is another path than an upgrade. */
static int offset_request_back(const struct swap *swap)
{
    const struct dfu_area *secondary = swap->pair->secondary;
    struct swap back = *swap;
    int err = dfu_trailer_write_copy_done(cfg_of(swap->pair)->map, secondary);

    back.type = DFU_SWAP_REVERT;
    back.done = 0;
    return err ? err : swap_write_status(&back, secondary);
}

/* Sectors of an image whose header lies at a place: the header tells all but the unprotected TLVs,
 * which may be on their way and are noted in the trailer. */
static int count_sectors(const struct swap *swap, bool of_primary, uint32_t *out)
{
    struct swap_place at = offset_header(swap, of_primary);
    struct dfu_image_header header;
    uint8_t raw[4];
    uint64_t size;
    int err = slot_header_read(at.area, at.off, &header);

    *out = UINT32_MAX; /* nothing is known: nothing is skipped */
    if (!err) {
        err = dfu_area_read(swap->pair->primary, swap->at.tlv_sizes, raw, sizeof raw);
    }
    if (err) {
        return err == DFU_ERR_FORMAT ? DFU_OK : err;
    }
    size = (uint64_t)header.hdr_size + header.img_size + header.protect_tlv_size +
           get_le16(raw + (of_primary ? 0 : 2));
    if (size < UINT32_MAX - swap->unit) {
        *out = ((uint32_t)size + swap->unit - 1) / swap->unit;
    }
    return DFU_OK;
}

static int offset_ready(struct swap *swap)
{
    int err = count_sectors(swap, true, &swap->used[0]);

    if (swap->type != DFU_SWAP_REVERT) {
        locate_announce(swap->pair);
    }
    return err ? err : count_sectors(swap, false, &swap->used[1]);
}

/* 1 if nothing is left to be erased: a start whose flags refuse to be written comes by here again
 * and again. */
static int is_finished(const struct swap *swap, bool with_trailer)
{
    const struct dfu_area *secondary = swap->pair->secondary;
    struct dfu_sector first = { 0 };
    struct dfu_trailer at;
    int err = dfu_area_is_erased(secondary, 0, swap->unit);

    if (err <= 0 || !with_trailer) {
        return err;
    }
    err = dfu_slot_trailer(cfg_of(swap->pair)->map, secondary, &at);
    if (!err) {
        err = dfu_area_sector_at(secondary, at.status, &first);
    }
    return err ? err : dfu_area_is_erased(secondary, first.off, secondary->size - first.off);
}

/* What a revert leaves in the secondary's first sector is the header of an image that is whole
 * only in the primary. Records that are noted in the trailer there stay until the flags stand. */
static int offset_finish(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    uint32_t spares = 0;
    int err = swap->type == DFU_SWAP_REVERT ? spare_count(swap, &spares) : 1;

    if (!err) {
        err = is_finished(swap, spares == 0);
    }
    if (err != 0) {
        return err < 0 ? err : DFU_OK;
    }
    err = slot_erase_span(pair, pair->secondary, 0, swap->unit);
    return err || spares > 0 ? err : slot_erase_trailer(pair, pair->secondary);
}

static const struct swap_plan offset_plan = {
    .algorithm = "offset",
    .measure = offset_measure,
    .steps = offset_steps,
    .step = offset_step,
    .mark = offset_mark,
    .header = offset_header,
    .prepare = swap_prepare,
    .request_back = offset_request_back,
    .ready = offset_ready,
    .finish = offset_finish,
};

const struct dfu_boot_strategy dfu_boot_swap_offset = {
    .mode = DFU_MODE_SWAP_OFFSET,
    .start = boot_upgrade,
    .look = boot_upgrade_look,
    .plan = &offset_plan,
    .copy = copy_into_broken_primary,
};
