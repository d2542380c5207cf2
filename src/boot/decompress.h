/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* decompress.h - compressed updates, where the mode overwrites: the primary receives the image
 * that the secondary's decodes to. */
#ifndef DFU_BOOT_DECOMPRESS_H
#define DFU_BOOT_DECOMPRESS_H

#include "boot/strategy.h"

/* What a configuration points at as &dfu_boot_decompressed. A loader that does not has none of
 * it. */
struct dfu_boot_decompression {
    /* 1 if the secondary's image is compressed, 0 if not, or a negative error. */
    int (*is_needed)(const struct boot_pair *pair);
    /* Into the primary, with a trailer of its own; whole: all of the primary is erased first. */
    int (*install)(const struct boot_pair *pair, bool whole);
};

#endif
