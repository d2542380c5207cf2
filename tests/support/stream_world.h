/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* stream_world.h - a device, an area of it, a stream from STREAM_BASE on. */
#ifndef TEST_STREAM_WORLD_H
#define TEST_STREAM_WORLD_H

#include <stdbool.h>

#include "dfu/stream.h"
#include "nor.h"

#define STREAM_BUF    512u
#define STREAM_SECTOR 4096u
#define STREAM_BASE   (4 * STREAM_SECTOR)
#define STREAM_SIZE   (8 * STREAM_SECTOR)

struct stream_world {
    struct nor *nor;
    const struct dfu_area *area;
    struct dfu_stream stream;
    struct dfu_stream_config config;
    uint8_t buf[STREAM_BUF];
    uint8_t data[STREAM_SIZE];
};

void stream_world_start(struct stream_world *w, uint8_t write_size, uint8_t erased,
                        bool erase_ahead);

/* For cmocka: write unit 4, erased 0xff, nothing erased ahead. */
int stream_set_up(void **state);
int stream_tear_down(void **state);

void stream_assert_on_flash(const struct stream_world *w, uint32_t from, uint32_t len);
void stream_assert_erased_from(const struct stream_world *w, uint32_t from);

/* The next bytes of the data. */
int stream_put(struct stream_world *w, uint32_t len, bool flush);

#endif
