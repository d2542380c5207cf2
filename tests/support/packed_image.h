/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* packed_image.h - compressed images for tests: the plain image by a recipe, and the recipe of the
 * image that decodes to it. The encoder is liblzma. */
#ifndef TEST_PACKED_IMAGE_H
#define TEST_PACKED_IMAGE_H

#include <stdbool.h>

#include "test_image.h"

#define PACKED_BODY_MAX  65536u
#define PACKED_PLAIN_MAX 131072u

struct packed_image {
    uint8_t plain[PACKED_PLAIN_MAX]; /* what it decodes to, whole */
    size_t plain_size;
    struct test_recipe recipe; /* points into this struct; may be changed before it is built */
    uint8_t body[PACKED_BODY_MAX], size[4], sha[32], signature[64];
};

/* Of a plain recipe with a SHA-256, perhaps protected TLVs, perhaps a key. */
void packed_image_make(struct packed_image *out, const struct test_recipe *plain, bool is_thumb);

#endif
