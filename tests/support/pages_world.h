/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* pages_world.h - uploads that send only what differs: what runs, the image that slot 1 holds, a new
 * one that differs from it in the pages 0, 2 and the last, and the real client. */
#ifndef TEST_PAGES_WORLD_H
#define TEST_PAGES_WORLD_H

#include "dfu/upload.h"
#include "upload_world.h"

#define PAGES_SECTOR 4096u
#define PAGES_SIZE   30000u /* of the images: seven sectors and a part of one */

extern struct test_image running_image;
extern struct dfu_upload pages_client;

/* For cmocka. The device is w, the images old_image and new_image, too. */
int pages_begin(void **state);
int pages_end(void **state);
void pages_with_write_size(uint8_t write_size);

void pages_digest(const void *data, size_t len, uint8_t out[32]);

/* A byte of an image whose TLVs stay valid in form; hash and digest are made right again. */
void pages_change(struct test_image *image, uint32_t off);
struct test_image pages_copy_of(const struct test_image *image);

/* As many packets as that, or to the end; the client's result. */
int pages_send(const struct test_image *image, uint32_t packets);
void pages_assert_sent(const struct test_image *image);

#endif
