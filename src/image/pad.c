/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A slot's rest as imgtool lays it out: erased bytes, image_ok, magic at the very end. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "image/magic.h"

#define STATUS_PER_SECTOR 3u
#define FLAGS             4u /* image_ok, copy_done, swap_info, swap_size */
#define FLAGS_OVERWRITE   2u
#define KEYS              2u
#define IMAGE_OK_SET      0x01u

uint32_t dfu_image_trailer_size(const struct dfu_image_slot *slot)
{
    uint32_t magic = round_up(TRAILER_MAGIC_SIZE, slot->max_align);

    if (slot->is_overwrite_only) {
        return FLAGS_OVERWRITE * slot->max_align + magic;
    }
    if (slot->max_sectors > UINT32_MAX / 2 / STATUS_PER_SECTOR / slot->align) {
        return UINT32_MAX;
    }
    return slot->max_sectors * STATUS_PER_SECTOR * slot->align + FLAGS * slot->max_align + magic +
           KEYS * round_up(slot->key_size, slot->max_align);
}

uint32_t dfu_image_trailer_magic(const struct dfu_image_slot *slot, uint8_t magic[16],
                                 uint32_t *image_ok)
{
    trailer_magic(slot->max_align, magic);
    if (slot->is_big_endian && slot->max_align != 8) {
        put_be16(magic, slot->max_align);
    }
    *image_ok = slot->size - round_up(TRAILER_MAGIC_SIZE, slot->max_align) - slot->max_align;
    return slot->size - TRAILER_MAGIC_SIZE;
}

int dfu_image_pad(const struct dfu_image_slot *slot, uint8_t *buf, uint32_t len, bool confirm)
{
    uint8_t magic[TRAILER_MAGIC_SIZE];
    uint32_t at, image_ok;

    if (!span_fits(len, dfu_image_trailer_size(slot), slot->size)) {
        return DFU_ERR_NOSPACE;
    }
    memset(buf + len, slot->erased, slot->size - len);
    at = dfu_image_trailer_magic(slot, magic, &image_ok);
    memcpy(buf + at, magic, sizeof(magic));
    if (confirm && !slot->is_overwrite_only) {
        buf[image_ok] = IMAGE_OK_SET;
    }
    return 0;
}
