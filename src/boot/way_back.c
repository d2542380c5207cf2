/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/way_back.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "dfu/err.h"

#define TAG_SIZE  8u
#define NOTE_SIZE (TAG_SIZE + 4u) /* tag, size of the swap */

static const uint8_t tag[TAG_SIZE] = { 0x3c, 0x91, 0xd7, 0x48, 0x0e, 0xb5, 0x62, 0xfa };

static void encode(uint32_t size, uint8_t out[NOTE_SIZE])
{
    memcpy(out, tag, TAG_SIZE);
    put_le32(out + TAG_SIZE, size);
}

/* The last whole sector below the primary's trailer. An image that can be swapped ends before it:
 * the first step needs room for one sector more. */
static int find_place(const struct boot_pair *pair, struct dfu_sector *out)
{
    uint32_t unit = pair->primary->runs[0].size;
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, pair->primary, &at);

    if (!err && at.status < 2 * unit) {
        err = DFU_ERR_NOSPACE;
    }
    if (!err) {
        *out = (struct dfu_sector){ at.status / unit * unit - unit, unit };
    }
    return err;
}

/* 1 if the place holds a note, of which only the tag counts without a size; 0 or an error. */
static int holds_note(const struct boot_pair *pair, const uint32_t *size)
{
    uint8_t wanted[NOTE_SIZE], raw[NOTE_SIZE];
    struct dfu_sector place;
    int err = find_place(pair, &place);

    if (!err) {
        err = dfu_area_read(pair->primary, place.off, raw, sizeof raw);
    }
    encode(size ? *size : 0, wanted);
    return err ? err : memcmp(raw, wanted, size ? NOTE_SIZE : TAG_SIZE) == 0;
}

static bool is_noted(const struct boot_pair *pair)
{
    uint32_t size;

    return swap_new_size(pair, &size) == DFU_OK && holds_note(pair, &size) > 0;
}

static bool has_notes(const struct boot_pair *pair)
{
    return prevents_downgrade(pair) && fixed_mode(cfg_of(pair)->map->mode) == DFU_MODE_SWAP_MOVE;
}

/* What may lie there is a sector of an image that was moved out of the way. */
int way_back_note(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    struct dfu_sector place;
    uint8_t note[NOTE_SIZE];
    int err, noted;

    if (!has_notes(pair)) {
        return DFU_OK;
    }
    err = find_place(pair, &place);
    noted = err ? err : holds_note(pair, &swap->size);
    if (noted != 0) {
        return noted < 0 ? noted : DFU_OK;
    }
    encode(swap->size, note);
    err = slot_erase_span(pair, pair->primary, place.off, place.size);
    return err ? err : dfu_area_write_padded(pair->primary, place.off, note, sizeof note);
}

int way_back_forget(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    struct dfu_sector place;
    int noted = has_notes(pair) ? holds_note(pair, NULL) : 0;

    if (noted > 0) {
        noted = find_place(pair, &place);
        return noted ? noted : slot_erase_span(pair, pair->primary, place.off, place.size);
    }
    return noted;
}

int way_back_settle(const struct swap *swap)
{
    return swap->type == DFU_SWAP_REVERT ? way_back_note(swap) : way_back_forget(swap);
}

bool way_back_may_be_told(const struct boot_pair *pair, const struct dfu_slot_state *primary)
{
    if (!prevents_downgrade(pair)) {
        return true;
    }
    if (primary->magic == DFU_MAGIC_GOOD) {
        return primary->image_ok != DFU_FLAG_SET && primary->swap_type != DFU_SWAP_NONE;
    }
    return !has_notes(pair) || is_noted(pair);
}

/* As swap_request_back() asks. */
static bool is_asked_as_by_revert(const struct boot_pair *pair)
{
    struct dfu_slot_state secondary;
    uint32_t asked, fresh;
    struct swap swap;

    return dfu_slot_state_read(cfg_of(pair)->map, pair->secondary, &secondary) == DFU_OK &&
           secondary.image_ok == DFU_FLAG_SET && secondary.swap_type == DFU_SWAP_NONE &&
           swap_init(&swap, pair, DFU_SWAP_NONE) == DFU_OK &&
           swap_requested_size(&swap, &asked) == DFU_OK && swap_new_size(pair, &fresh) == DFU_OK &&
           asked == fresh;
}

/* A trial that has ended, or the trailer of a revert. What MCUboot began has no more. */
static bool does_primary_tell(const struct dfu_slot_state *primary)
{
    static const struct dfu_slot_state nothing_asked = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET,
                                                         DFU_FLAG_UNSET, DFU_SWAP_NONE, 0 };

    return dfu_swap_type_of(DFU_MODE_SWAP_MOVE, primary, &nothing_asked) == DFU_SWAP_REVERT ||
           (primary->magic == DFU_MAGIC_GOOD && primary->copy_done == DFU_FLAG_UNSET &&
            primary->swap_type == DFU_SWAP_REVERT);
}

/* A note speaks of a trailer that is whole no more, or anew. */
static bool is_revert_under_way(const struct boot_pair *pair, const struct dfu_slot_state *primary)
{
    if (does_primary_tell(primary) && is_asked_as_by_revert(pair)) {
        return true;
    }
    return (primary->magic != DFU_MAGIC_GOOD || primary->copy_done != DFU_FLAG_SET) &&
           is_noted(pair);
}

bool way_back_is_under_way(const struct boot_pair *pair, const struct dfu_slot_state *primary)
{
    return has_notes(pair) && is_revert_under_way(pair, primary);
}

bool way_back_is_made_up(const struct boot_pair *pair)
{
    struct dfu_slot_state primary;

    return dfu_slot_state_read(cfg_of(pair)->map, pair->primary, &primary) != DFU_OK ||
           (primary.magic == DFU_MAGIC_GOOD && primary.image_ok == DFU_FLAG_SET &&
            primary.copy_done == DFU_FLAG_SET);
}
