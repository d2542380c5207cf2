/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "upload_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/bytes.h"

struct img_world w;
struct test_image old_image, new_image, third_image;

int upload_world(uint8_t image_count, uint8_t write_size)
{
    world_init(&w, image_count, 16, write_size);
    old_image = image_make((struct dfu_image_version){ 1, 2, 0, 5 }, 5000);
    new_image = image_make((struct dfu_image_version){ 1, 3, 0, 0 }, 14001);
    third_image = image_make((struct dfu_image_version){ 1, 4, 0, 0 }, 13000);
    world_program(&w, 0, 0, &old_image);
    return 0;
}

int upload_begin(void **state)
{
    (void)state;
    return upload_world(1, 8);
}

int upload_begin_pairs(void **state)
{
    (void)state;
    return upload_world(2, 8);
}

int upload_end(void **state)
{
    (void)state;
    image_free(&old_image);
    image_free(&new_image);
    image_free(&third_image);
    world_free(&w);
    return 0;
}

struct chunk first_chunk(const struct test_image *image)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = 0;
    chunk.len = image->size;
    chunk.data = image->data;
    chunk.data_len = STEP;
    chunk.sha = image->sha;
    chunk.sha_len = 32;
    return chunk;
}

struct chunk chunk_at(const struct test_image *image, uint32_t off)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = off;
    chunk.data = image->data + off;
    chunk.data_len = min_u32(STEP, image->size - off);
    return chunk;
}

void upload_half(const struct test_image *image)
{
    struct chunk chunk = first_chunk(image);

    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    for (uint32_t off = STEP; off < image->size / 2; off += STEP) {
        chunk = chunk_at(image, off);
        assert_int_equal(world_chunk(&w, &chunk).off, off + STEP);
    }
}
