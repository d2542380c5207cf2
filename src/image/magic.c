/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "image/magic.h"

#include <string.h>

#include "base/bytes.h"

void trailer_magic(uint8_t max_align, uint8_t out[TRAILER_MAGIC_SIZE])
{
    static const uint8_t of_8[TRAILER_MAGIC_SIZE] = {
        0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
        0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
    };
    static const uint8_t tail[TRAILER_MAGIC_SIZE - 2] = {
        0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a,
    };

    if (max_align == 8) {
        memcpy(out, of_8, sizeof(of_8));
        return;
    }
    put_le16(out, max_align);
    memcpy(out + 2, tail, sizeof(tail));
}
