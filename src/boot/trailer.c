/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The trailer as bytes: decode, the decision table, and the one-way writes. */
#include "dfu/trailer.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "flash/fixed.h"
#include "image/fixed_map.h"
#include "image/magic.h"

#define FLAG_SET_BYTE 0x01u

static enum dfu_magic decode_magic(const struct dfu_slot_map *map, uint8_t erased,
                                   const uint8_t raw[DFU_TRAILER_MAGIC_SIZE])
{
    uint8_t good[DFU_TRAILER_MAGIC_SIZE];
    uint8_t unset[DFU_TRAILER_MAGIC_SIZE];

    trailer_magic(fixed_map(map)->max_align, good);
    if (memcmp(raw, good, sizeof good) == 0) {
        return DFU_MAGIC_GOOD;
    }
    memset(unset, erased, sizeof unset);
    return memcmp(raw, unset, sizeof unset) == 0 ? DFU_MAGIC_UNSET : DFU_MAGIC_BAD;
}

static enum dfu_flag decode_flag(uint8_t erased, uint8_t raw)
{
    if (raw == erased) {
        return DFU_FLAG_UNSET;
    }
    return raw == FLAG_SET_BYTE ? DFU_FLAG_SET : DFU_FLAG_BAD;
}

static void decode_swap_info(uint8_t erased, uint8_t raw, struct dfu_slot_state *out)
{
    uint8_t type = raw & 0x0fu;

    out->swap_type = DFU_SWAP_NONE;
    out->image_num = 0;
    if (raw != erased && type >= DFU_SWAP_NONE && type <= DFU_SWAP_REVERT) {
        out->swap_type = (enum dfu_swap_type)type;
        out->image_num = raw >> 4;
    }
}

/* Write one field into units that are still erased: a unit is never programmed twice. */
static int write_field(const struct dfu_area *area, uint32_t off, const void *value, size_t len)
{
    int erased = dfu_area_is_erased(area, off, round_up((uint32_t)len, fixed_write_size(area)));

    if (erased < 0) {
        return erased;
    }
    return erased ? dfu_area_write_padded(area, off, value, len) : DFU_ERR_STATE;
}

static int write_byte(const struct dfu_area *area, uint32_t off, uint8_t value)
{
    return write_field(area, off, &value, sizeof value);
}

int dfu_slot_state_read(const struct dfu_slot_map *map, const struct dfu_area *area,
                        struct dfu_slot_state *out)
{
    uint8_t magic[DFU_TRAILER_MAGIC_SIZE];
    uint8_t image_ok, copy_done, swap_info;
    struct dfu_trailer at;
    int err = dfu_slot_trailer(map, area, &at);

    if (!err) {
        err = dfu_area_read(area, at.magic, magic, sizeof magic);
    }
    if (!err) {
        err = dfu_area_read(area, at.image_ok, &image_ok, 1);
    }
    if (!err) {
        err = dfu_area_read(area, at.copy_done, &copy_done, 1);
    }
    if (!err) {
        err = dfu_area_read(area, at.swap_info, &swap_info, 1);
    }
    if (err) {
        return err;
    }
    out->magic = decode_magic(map, fixed_erased(area), magic);
    out->image_ok = decode_flag(fixed_erased(area), image_ok);
    out->copy_done = decode_flag(fixed_erased(area), copy_done);
    decode_swap_info(fixed_erased(area), swap_info, out);
    return DFU_OK;
}

/* MCUboot reads a torn copy_done as neither set nor unset, which makes a trial image permanent.
 * Only the last write of a recorded swap can have left it: the swap is complete. */
static bool is_copy_done(const struct dfu_slot_state *primary)
{
    return primary->copy_done == DFU_FLAG_SET ||
           (primary->copy_done == DFU_FLAG_BAD && primary->swap_type != DFU_SWAP_NONE);
}

enum dfu_swap_rule dfu_swap_rule_of(enum dfu_boot_mode mode, const struct dfu_slot_state *primary,
                                    const struct dfu_slot_state *secondary)
{
    if (secondary->magic == DFU_MAGIC_GOOD && secondary->image_ok == DFU_FLAG_UNSET) {
        bool is_offset_revert =
            mode == DFU_MODE_SWAP_OFFSET && secondary->copy_done == DFU_FLAG_SET;

        return is_offset_revert ? DFU_SWAP_RULE_OFFSET_REVERT : DFU_SWAP_RULE_TEST;
    }
    if (secondary->magic == DFU_MAGIC_GOOD && secondary->image_ok == DFU_FLAG_SET) {
        return DFU_SWAP_RULE_PERM;
    }
    if (primary->magic == DFU_MAGIC_GOOD && primary->image_ok == DFU_FLAG_UNSET &&
        is_copy_done(primary)) {
        return DFU_SWAP_RULE_REVERT;
    }
    return DFU_SWAP_RULE_NONE;
}

enum dfu_swap_type dfu_swap_type_of(enum dfu_boot_mode mode, const struct dfu_slot_state *primary,
                                    const struct dfu_slot_state *secondary)
{
    switch (dfu_swap_rule_of(mode, primary, secondary)) {
    case DFU_SWAP_RULE_TEST: return DFU_SWAP_TEST;
    case DFU_SWAP_RULE_PERM: return DFU_SWAP_PERM;
    case DFU_SWAP_RULE_OFFSET_REVERT:
    case DFU_SWAP_RULE_REVERT: return DFU_SWAP_REVERT;
    case DFU_SWAP_RULE_NONE: break;
    }
    return DFU_SWAP_NONE;
}

int dfu_trailer_write_magic(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    uint8_t value[DFU_FLASH_WRITE_SIZE_MAX];
    uint32_t len = round_up(DFU_TRAILER_MAGIC_SIZE, fixed_map(map)->max_align);
    struct dfu_trailer at;
    int err = dfu_slot_trailer(map, area, &at);

    if (err) {
        return err;
    }
    if (len > sizeof value || len > area->size) {
        return DFU_ERR_INVAL;
    }
    memset(value, fixed_erased(area), sizeof value);
    trailer_magic(fixed_map(map)->max_align, value + len - DFU_TRAILER_MAGIC_SIZE);
    return write_field(area, area->size - len, value, len);
}

int dfu_trailer_write_image_ok(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(map, area, &at);

    return err ? err : write_byte(area, at.image_ok, FLAG_SET_BYTE);
}

int dfu_trailer_write_copy_done(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(map, area, &at);

    return err ? err : write_byte(area, at.copy_done, FLAG_SET_BYTE);
}

int dfu_trailer_write_swap_info(const struct dfu_slot_map *map, const struct dfu_area *area,
                                enum dfu_swap_type type, uint8_t image)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(map, area, &at);

    if (err) {
        return err;
    }
    if (type < DFU_SWAP_NONE || type > DFU_SWAP_FAIL || image > 0x0f) {
        return DFU_ERR_INVAL;
    }
    return write_byte(area, at.swap_info, (uint8_t)(image << 4 | (uint8_t)type));
}

const char *dfu_swap_type_text(enum dfu_swap_type type)
{
    switch (type) {
    case DFU_SWAP_NONE: return "none";
    case DFU_SWAP_TEST: return "test";
    case DFU_SWAP_PERM: return "perm";
    case DFU_SWAP_REVERT: return "revert";
    case DFU_SWAP_FAIL: return "fail";
    case DFU_SWAP_PANIC: break;
    }
    return "panic";
}
