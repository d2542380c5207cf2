/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "pages_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/openssl.h"

struct test_image running_image;
struct dfu_upload pages_client;

void pages_digest(const void *data, size_t len, uint8_t out[32])
{
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };

    assert_int_equal(hash.alg->start(&hash), 0);
    assert_int_equal(hash.alg->update(&hash, data, len), 0);
    assert_int_equal(hash.alg->finish(&hash, out), 0);
}

void pages_change(struct test_image *image, uint32_t off)
{
    uint32_t payload = image->size - 40;

    image->data[off] ^= 0x5a;
    pages_digest(image->data, payload, image->hash);
    memcpy(image->data + payload + 8, image->hash, 32);
    pages_digest(image->data, image->size, image->sha);
}

struct test_image pages_copy_of(const struct test_image *image)
{
    struct test_image copy = *image;

    copy.data = malloc(image->size);
    assert_non_null(copy.data);
    memcpy(copy.data, image->data, image->size);
    return copy;
}

void pages_with_write_size(uint8_t write_size)
{
    world_init(&w, 1, 16, write_size);
    running_image = image_make((struct dfu_image_version){ 1, 0, 0, 0 }, PAGES_SIZE);
    old_image = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, PAGES_SIZE);
    new_image = pages_copy_of(&old_image);
    new_image.data[20]++;
    pages_change(&new_image, 2 * PAGES_SECTOR + 77);
    world_program(&w, 0, 0, &running_image);
    world_program(&w, 0, 1, &old_image);
    w.img.store = &w.store;
}

int pages_begin(void **state)
{
    (void)state;
    pages_with_write_size(8);
    return 0;
}

int pages_end(void **state)
{
    (void)state;
    image_free(&running_image);
    image_free(&old_image);
    image_free(&new_image);
    world_free(&w);
    return 0;
}

int pages_send(const struct test_image *image, uint32_t packets)
{
    struct dfu_memory_span span = { image->data, image->size };
    struct dfu_upload_config config = { .image = dfu_memory_reader(&span),
                                        .sha256 = &dfu_sha256_openssl,
                                        .version = DFU_SMP_V2,
                                        .frame_max = 700 };
    uint8_t frame[1024];
    uint64_t now_ms = 0;

    memcpy(config.sha, image->sha, 32);
    assert_int_equal(dfu_upload_start(&pages_client, &config), 0);
    while (pages_client.result == DFU_CLIENT_RUNNING && packets > 0) {
        size_t len = dfu_upload_next(&pages_client, now_ms, frame, sizeof(frame));

        if (len == 0) {
            now_ms = max_u32((uint32_t)now_ms + 1, (uint32_t)dfu_upload_deadline(&pages_client));
            continue;
        }
        packets--;
        smp_peer_receive(&w.peer, frame, len);
        for (unsigned i = 0; i < w.peer.count; i++) {
            dfu_upload_answer(&pages_client, now_ms, w.peer.answers[i].data, w.peer.answers[i].len);
        }
    }
    return pages_client.result;
}

void pages_assert_sent(const struct test_image *image)
{
    assert_int_equal(pages_send(image, UINT32_MAX), 0);
    assert_true(pages_client.has_match);
    assert_slot_holds(&w, 0, 1, image);
    assert_int_equal(w.nor->flash.double_programs, 0);
}
