/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* keys.h - content keys during an upgrade of encrypted images. The secondary holds bodies
 * encrypted, the primary plain; so a swap needs the keys of both images from its first step to its
 * last, also when the wrapped keys have moved: they are kept in the trailer (bootloader spec 6). */
#ifndef DFU_BOOT_KEYS_H
#define DFU_BOOT_KEYS_H

#include "boot/strategy.h"

/* What a configuration points at as &dfu_boot_encrypted. A loader that does not has none of it. */
struct dfu_boot_encryption {
    /* The key of the image that begins at a place; key->cipher is NULL where it is plain or there
     * is no image. DFU_ERR_VERIFY: encrypted, but not for us. */
    int (*find)(const struct boot_pair *pair, struct swap_place at, struct dfu_content_key *key);
    /* Both keys before the first step, from the images in their slots. */
    int (*begin)(struct swap *swap);
    /* Both keys after a cut, from the trailer of area. */
    int (*resume)(struct swap *swap, const struct dfu_area *area);
    /* Both keys into the trailer of area, as a part of its status. */
    int (*write)(const struct swap *swap, const struct dfu_area *area);
    /* Whether that is what the trailer of area holds: 1, 0 or an error. */
    int (*are_written)(const struct swap *swap, const struct dfu_area *area);
    /* The key fields of one trailer into another one, as they stand: the images are on their way. */
    int (*move)(const struct boot_pair *pair, const struct dfu_area *dst,
                const struct dfu_area *src);
    int (*apply)(const struct dfu_content_key *key, uint32_t off, uint8_t *data, size_t len);
};

#endif
