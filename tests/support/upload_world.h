/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* upload_world.h - the device of all upload tests: version 1.2.0 runs, two newer images are at
 * hand. */
#ifndef TEST_UPLOAD_WORLD_H
#define TEST_UPLOAD_WORLD_H

#include "img_world.h"

#define STEP 700u /* neither a block nor a sector */

extern struct img_world w;
extern struct test_image old_image, new_image, third_image;

int upload_world(uint8_t image_count, uint8_t write_size);

/* For cmocka: one image, two images; and the end of either. */
int upload_begin(void **state);
int upload_begin_pairs(void **state);
int upload_end(void **state);

/* A first chunk that nothing is wrong with; the one at off. */
struct chunk first_chunk(const struct test_image *image);
struct chunk chunk_at(const struct test_image *image, uint32_t off);

void upload_half(const struct test_image *image);

#endif
