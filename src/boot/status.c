/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The trailers of a swap that begins: what is written into them, and in which order. */
#include "base/bytes.h"
#include "boot/keys.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "boot/way_back.h"
#include "dfu/err.h"

#define TLV_SIZES_SIZE 4u

/* Behind the size, where MCUboot leaves its field erased: bytes of which no torn erase makes the
 * other. */
#define SIZE_SIZE  4u
#define TURN_SIZE  2u
#define TURN_FIRST 0x5aa5u
#define TURN_OTHER 0xa55au

static int read_turn(const struct dfu_area *area, uint32_t swap_size, uint16_t *turn)
{
    uint8_t raw[TURN_SIZE];
    int err = dfu_area_read(area, swap_size + SIZE_SIZE, raw, sizeof raw);

    *turn = err ? 0 : get_le16(raw);
    return err;
}

int swap_read_turn(struct swap *swap)
{
    int err = read_turn(cfg_of(swap->pair)->map->scratch, swap->scratch_at.swap_size, &swap->turn);

    if (swap->turn != TURN_FIRST && swap->turn != TURN_OTHER) {
        swap->turn = 0;
    }
    return err;
}

int swap_choose_turn(struct swap *swap)
{
    struct dfu_slot_state primary;
    uint16_t turn = 0;
    int err = dfu_slot_state_read(cfg_of(swap->pair)->map, swap->pair->primary, &primary);

    if (!err) {
        err = read_turn(swap->pair->primary, swap->at.swap_size, &turn);
    }
    swap->turn = 0;
    if (!err && primary.magic == DFU_MAGIC_GOOD && primary.copy_done == DFU_FLAG_UNSET &&
        primary.swap_type != DFU_SWAP_NONE) {
        swap->turn = turn == TURN_FIRST ? TURN_OTHER : TURN_FIRST;
    }
    return err;
}

int swap_is_scratch_newer(struct swap *swap)
{
    uint16_t turn;
    int err = swap_read_turn(swap);

    if (!err) {
        err = read_turn(swap->pair->primary, swap->at.swap_size, &turn);
    }
    return err ? err : swap->turn != 0 && swap->turn != turn;
}

int swap_write_size(const struct swap *swap, const struct dfu_area *area)
{
    struct dfu_trailer at;
    uint8_t raw[SIZE_SIZE + TURN_SIZE];
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    bool has_turn = fixed_mode(map->mode) == DFU_MODE_SWAP_SCRATCH && swap->turn != 0;
    int err = dfu_slot_trailer(map, area, &at);

    put_le32(raw, swap->size);
    if (has_turn) {
        put_le16(raw + SIZE_SIZE, swap->turn);
    }
    return err ? err
               : dfu_area_write_padded(area, at.swap_size, raw, has_turn ? sizeof raw : SIZE_SIZE);
}

/* Bytes of an image's unprotected TLVs, which its header does not tell; 0 without an image. */
static int tlv_size_of(const struct swap *swap, bool of_primary, uint16_t *out)
{
    struct swap_place at = cfg_of(swap->pair)->strategy->plan->header(swap, of_primary);
    struct slot_extent extent;
    int err = slot_image_extent(at.area, at.off, &extent);

    *out = (uint16_t)(extent.end - extent.tlvs);
    return err;
}

static int write_tlv_sizes(const struct swap *swap, const struct dfu_area *area, uint32_t off)
{
    uint8_t raw[TLV_SIZES_SIZE];
    uint16_t primary, secondary;
    int err = tlv_size_of(swap, true, &primary);

    if (!err) {
        err = tlv_size_of(swap, false, &secondary);
    }
    if (err) {
        return err;
    }
    put_le16(raw, primary);
    put_le16(raw + 2, secondary);
    return dfu_area_write_padded(area, off, raw, sizeof raw);
}

/* "Status init" (2.7): the magic comes last and vouches for all before it. */
int swap_write_status(const struct swap *swap, const struct dfu_area *area)
{
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    struct dfu_slot_state secondary;
    struct dfu_trailer at;
    int err = dfu_slot_state_read(map, swap->pair->secondary, &secondary);

    if (!err) {
        err = dfu_slot_trailer(map, area, &at);
    }
    if (!err && swap->type != DFU_SWAP_NONE) {
        err = dfu_trailer_write_swap_info(map, area, swap->type, swap->pair->image);
    }
    if (!err && secondary.image_ok == DFU_FLAG_SET) {
        err = dfu_trailer_write_image_ok(map, area);
    }
    if (!err) {
        err = swap_write_size(swap, area);
    }
    if (!err && at.tlv_sizes > 0) {
        err = write_tlv_sizes(swap, area, at.tlv_sizes);
    }
    if (!err && cfg_of(swap->pair)->encryption) {
        err = cfg_of(swap->pair)->encryption->write(swap, area);
    }
    return err ? err : dfu_trailer_write_magic(map, area);
}

int swap_request_back(const struct swap *swap)
{
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    const struct dfu_area *secondary = swap->pair->secondary;
    int err = dfu_trailer_write_image_ok(map, secondary);

    if (!err) {
        err = swap_write_size(swap, secondary);
    }
    return err ? err : dfu_trailer_write_magic(map, secondary);
}

/* While the primary's trailer is being rebuilt the secondary asks for its image, which is the
 * confirmed one: a cut here can not lose the way back. */
static int ask_back(const struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    struct dfu_slot_state secondary;
    bool asks;
    int err = dfu_slot_state_read(cfg_of(pair)->map, pair->secondary, &secondary);

    if (err) {
        return err;
    }
    boot_emit_trailer(pair, "Secondary image", &secondary);
    /* What asks for something else is the rest of a torn erase. */
    asks = cfg_of(pair)->map->mode == DFU_MODE_SWAP_OFFSET ? secondary.copy_done == DFU_FLAG_SET
                                                           : secondary.image_ok == DFU_FLAG_SET;
    if (secondary.magic == DFU_MAGIC_GOOD && asks) {
        return DFU_OK;
    }
    err = slot_erase_trailer(pair, pair->secondary);
    return err ? err : cfg_of(pair)->strategy->plan->request_back(swap);
}

int swap_prepare(struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    int err = swap->type == DFU_SWAP_REVERT ? ask_back(swap) : DFU_OK;

    if (!err && !swap->is_recorded) {
        err = way_back_settle(swap);
        if (!err) {
            err = slot_erase_trailer(pair, pair->primary);
        }
        if (!err) {
            err = swap_write_status(swap, pair->primary);
        }
    }
    return err ? err : slot_erase_trailer(pair, pair->secondary);
}
