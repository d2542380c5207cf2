/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* unpack.h - the table through which verify.c reaches the code for compressed images, so that it
 * is linked only where a configuration names it. */
#ifndef DFU_IMAGE_UNPACK_H
#define DFU_IMAGE_UNPACK_H

#include "dfu/unpack.h"

#define COMPRESSED \
    (DFU_IMAGE_F_COMPRESSED_LZMA1 | DFU_IMAGE_F_COMPRESSED_LZMA2 | DFU_IMAGE_F_COMPRESSED_ARM_THUMB)

struct dfu_unpack_way {
    enum dfu_image_fault (*open)(struct dfu_unpacked *out, const struct dfu_image *packed,
                                 const struct dfu_unpacker *how);
    void (*close)(struct dfu_unpacked *unpacked);
};

#endif
