/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "stream_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dfu/err.h"

void stream_world_start(struct stream_world *w, uint8_t write_size, uint8_t erased,
                        bool erase_ahead)
{
    w->nor = nor_new(STREAM_SECTOR, 16, write_size, erased);
    w->area = nor_area(w->nor, "area", 16);
    w->config = (struct dfu_stream_config){
        .area = w->area,
        .buf = w->buf,
        .buf_len = sizeof w->buf,
        .off = STREAM_BASE,
        .size = STREAM_SIZE,
        .erase_ahead = erase_ahead,
    };
    for (size_t i = 0; i < sizeof w->data; i++) {
        w->data[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
    }
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
}

int stream_set_up(void **state)
{
    struct stream_world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    stream_world_start(w, 4, 0xff, false);
    *state = w;
    return 0;
}

int stream_tear_down(void **state)
{
    struct stream_world *w = *state;

    nor_free(w->nor);
    free(w);
    return 0;
}

void stream_assert_on_flash(const struct stream_world *w, uint32_t from, uint32_t len)
{
    assert_memory_equal(w->nor->flash.mem + STREAM_BASE + from, w->data + from, len);
}

void stream_assert_erased_from(const struct stream_world *w, uint32_t from)
{
    assert_int_equal(dfu_area_is_erased(w->area, STREAM_BASE + from, STREAM_SIZE - from), 1);
}

int stream_put(struct stream_world *w, uint32_t len, bool flush)
{
    uint32_t at = w->stream.written + w->stream.buffered;

    return dfu_stream_buffered_write(&w->stream, w->data + at, len, flush);
}
