/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* images.h - good images, and those that must not run. */
#ifndef DFU_FAULT_IMAGES_H
#define DFU_FAULT_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"

#define IMAGE_HEADER 32u
#define IMAGE_SIZE   1500u /* of a good one */
#define IMAGE_CAP    4096u

enum held {
    NOTHING,
    GOOD,
    WHOLE, /* good as well, but another one */
    WRONG_SIGNATURE,
    CHANGED, /* a byte of the payload */
    TOO_OLD, /* its security counter */
    BY_REVOKED_KEY,
};

enum {
    ENCRYPTED = 1 << 0,  /* what is not good */
    COMPRESSED = 1 << 1, /* the same; its own signature is right, not that of what it decodes to */
    COUNTED = 1 << 2,
    IMAGE_FLAGS = 3
};

extern const uint8_t images_kek[16]; /* unwraps the content keys */

/* To verify with; the second one is to be revoked where any is. */
void images_make_keys(struct dfu_key keys[2]);

/* Bytes written to out, at most IMAGE_CAP. */
size_t images_build(enum held held, unsigned with, uint8_t *out);

/* What images_build() breaks of an image that was whole, in place: of WRONG_SIGNATURE and CHANGED,
 * not compressed. */
void images_damage(enum held held, unsigned with, uint8_t *image, size_t size);

#endif
