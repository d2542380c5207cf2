/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The stream writer: what Zephyr's own tests of stream_flash assert. A test named after one of
 * Zephyr's says so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "stream_world.h"

/* ---- Parity with Zephyr's tests/subsys/storage/stream/stream_flash ---- */

static void zephyr_init_refuses_what_does_not_fit(void **state)
{
    struct stream_world *w = *state;
    static const struct {
        uint32_t off, size;
        size_t buf_len;
        int err;
    } cases[] = {
        { STREAM_BASE, 13 * STREAM_SECTOR, STREAM_BUF, DFU_ERR_RANGE },
        { STREAM_BASE, UINT32_MAX - 3, STREAM_BUF, DFU_ERR_RANGE },
        { STREAM_BASE, 0, STREAM_BUF, DFU_ERR_INVAL },
        { 3, STREAM_SECTOR, STREAM_BUF, DFU_ERR_ALIGN },
        { STREAM_BASE, STREAM_SECTOR - 2, STREAM_BUF, DFU_ERR_ALIGN },
        { STREAM_BASE, STREAM_SECTOR, 511, DFU_ERR_ALIGN },
        { STREAM_BASE, STREAM_SECTOR, 0, DFU_ERR_INVAL },
        { STREAM_BASE, STREAM_SECTOR, 65536, DFU_ERR_RANGE },
        { UINT32_MAX - 3, STREAM_SECTOR, STREAM_BUF, DFU_ERR_RANGE },
        { STREAM_BASE, STREAM_SECTOR, 4, DFU_OK },
        { STREAM_BASE, STREAM_SECTOR, STREAM_SECTOR, DFU_OK },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dfu_stream_config config = w->config;

        config.off = cases[i].off;
        config.size = cases[i].size;
        config.buf_len = cases[i].buf_len;
        assert_int_equal(dfu_stream_init(&w->stream, &config), cases[i].err);
    }
}

static void zephyr_init_refuses_null(void **state)
{
    struct stream_world *w = *state;
    struct dfu_stream_config config = w->config;

    assert_int_equal(dfu_stream_init(NULL, &config), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_init(&w->stream, NULL), DFU_ERR_INVAL);
    config.buf = NULL;
    assert_int_equal(dfu_stream_init(&w->stream, &config), DFU_ERR_INVAL);
    config = w->config;
    config.area = NULL;
    assert_int_equal(dfu_stream_init(&w->stream, &config), DFU_ERR_INVAL);
}

static void zephyr_buffered_write_keeps_511_bytes_and_programs_512(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, 511, false), DFU_OK);
    stream_assert_erased_from(w, 0);
    assert_int_equal(stream_put(w, 1, false), DFU_OK);
    stream_assert_on_flash(w, 0, 512);
    stream_assert_erased_from(w, 512);
}

static void zephyr_cross_buf_border(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, STREAM_BUF + 128, false), DFU_OK);
    stream_assert_on_flash(w, 0, STREAM_BUF);
    stream_assert_erased_from(w, STREAM_BUF);
    assert_int_equal(stream_put(w, STREAM_BUF - 128, false), DFU_OK);
    stream_assert_on_flash(w, STREAM_BUF, STREAM_BUF);
    assert_int_equal(stream_put(w, 256, false), DFU_OK);
    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 0, true), DFU_OK);
    stream_assert_on_flash(w, 0, 2 * STREAM_BUF + 256);
    stream_assert_erased_from(w, 2 * STREAM_BUF + 256);
}

struct seen {
    uint32_t len, off;
    uint8_t data[STREAM_BUF];
    int answer;
};

static int see(void *ctx, const uint8_t *data, size_t len, uint32_t off)
{
    struct seen *seen = ctx;

    seen->len = (uint32_t)len;
    seen->off = off;
    memcpy(seen->data, data, len);
    return seen->answer;
}

static void zephyr_unaligned_flush_is_padded_and_called_back(void **state)
{
    struct stream_world *w = *state;
    struct seen seen = { 0 };

    assert_int_equal(stream_put(w, 1, true), DFU_OK);
    stream_assert_on_flash(w, 0, 1);
    stream_assert_erased_from(w, 1);
    w->config.off = STREAM_BASE + STREAM_BUF;
    w->config.size = STREAM_SIZE - STREAM_BUF;
    w->config.after_write = see;
    w->config.ctx = &seen;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(
        dfu_stream_buffered_write(&w->stream, w->data + STREAM_BUF, STREAM_BUF - 1, true), DFU_OK);
    assert_int_equal(seen.len, STREAM_BUF - 1);
    assert_int_equal(seen.off, STREAM_BASE + STREAM_BUF);
    assert_memory_equal(seen.data, w->data + STREAM_BUF, STREAM_BUF - 1);
    stream_assert_on_flash(w, STREAM_BUF, STREAM_BUF - 1);
}

static void nothing_follows_a_flush_that_was_padded(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, 5, true), DFU_OK);
    assert_int_equal(stream_put(w, 1, false), DFU_ERR_STATE);
    assert_int_equal(stream_put(w, 0, true), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 5);
}

static void zephyr_multi_page(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, 3 * STREAM_SECTOR + 128, false), DFU_OK);
    stream_assert_on_flash(w, 0, 3 * STREAM_SECTOR);
    assert_int_equal(stream_put(w, STREAM_SIZE - 3 * STREAM_SECTOR - 128, false), DFU_OK);
    stream_assert_on_flash(w, 0, STREAM_SIZE);
    assert_int_equal(stream_put(w, 1, false), DFU_ERR_NOSPACE);
}

static void zephyr_bytes_written_and_bytes_buffered(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 0);
    assert_int_equal(stream_put(w, 384, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 384);
    assert_int_equal(stream_put(w, 128, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 0);
    assert_int_equal(stream_put(w, STREAM_BUF + 128, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * STREAM_BUF);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 128);
    assert_int_equal(stream_put(w, STREAM_BUF - 128, false), DFU_OK);
    stream_assert_on_flash(w, 0, 3 * STREAM_BUF);
}

static void zephyr_callback_error_comes_back_and_keeps_the_block(void **state)
{
    struct stream_world *w = *state;
    struct seen seen = { .answer = DFU_ERR_VERIFY };

    w->config.after_write = see;
    w->config.ctx = &seen;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(stream_put(w, STREAM_BUF + 128, false), DFU_ERR_VERIFY);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), STREAM_BUF);
}

static void zephyr_write_failure_keeps_the_bytes(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, 100, false), DFU_OK);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_BEFORE, 1, 0);
    assert_int_equal(stream_put(w, 0, true), DFU_ERR_POWER);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 100);
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_int_equal(stream_put(w, 0, true), DFU_OK);
    stream_assert_on_flash(w, 0, 100);
}

static void zephyr_flush_of_nothing_is_fine(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 0, true), DFU_OK);
    assert_int_equal(w->nor->flash.writes, 0);
    assert_int_equal(dfu_stream_buffered_write(NULL, NULL, 0, true), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 1, true), DFU_ERR_INVAL);
}

static void zephyr_whole_page_does_not_erase_the_next(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(stream_put(w, 2 * STREAM_SECTOR, true), DFU_OK);
    w->config.erase_ahead = true;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(stream_put(w, STREAM_SECTOR, true), DFU_OK);
    assert_int_equal(w->nor->flash.erases, 1);
    stream_assert_on_flash(w, 0, 2 * STREAM_SECTOR);
}

static void erase_ahead_starts_on_a_sector_border(void **state)
{
    struct stream_world *w = *state;

    w->config.erase_ahead = true;
    w->config.off = STREAM_BASE + STREAM_BUF;
    w->config.size = STREAM_SECTOR;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_ERR_ALIGN);
}

static void erase_page_erases_a_page_once_and_only_in_the_stream(void **state)
{
    struct stream_world *w = *state;

    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, STREAM_BASE, w->data, STREAM_SIZE), DFU_OK);
    assert_int_equal(dfu_stream_erase_page(&w->stream, STREAM_BASE - 1), DFU_ERR_RANGE);
    assert_int_equal(dfu_stream_erase_page(&w->stream, STREAM_BASE + STREAM_SIZE), DFU_ERR_RANGE);
    assert_int_equal(dfu_stream_erase_page(&w->stream, STREAM_BASE + 5), DFU_OK);
    assert_int_equal(dfu_stream_erase_page(&w->stream, STREAM_BASE + 6), DFU_OK);
    assert_int_equal(w->nor->flash.erases, 1);
    assert_int_equal(dfu_area_is_erased(w->area, STREAM_BASE, STREAM_SECTOR), 1);
    stream_assert_on_flash(w, STREAM_SECTOR, STREAM_SIZE - STREAM_SECTOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, stream_set_up, stream_tear_down)
        IN_WORLD(zephyr_init_refuses_what_does_not_fit),
        IN_WORLD(zephyr_init_refuses_null),
        IN_WORLD(zephyr_buffered_write_keeps_511_bytes_and_programs_512),
        IN_WORLD(zephyr_cross_buf_border),
        IN_WORLD(zephyr_unaligned_flush_is_padded_and_called_back),
        IN_WORLD(nothing_follows_a_flush_that_was_padded),
        IN_WORLD(zephyr_multi_page),
        IN_WORLD(zephyr_bytes_written_and_bytes_buffered),
        IN_WORLD(zephyr_callback_error_comes_back_and_keeps_the_block),
        IN_WORLD(zephyr_write_failure_keeps_the_bytes),
        IN_WORLD(zephyr_flush_of_nothing_is_fine),
        IN_WORLD(zephyr_whole_page_does_not_erase_the_next),
        IN_WORLD(erase_ahead_starts_on_a_sector_border),
        IN_WORLD(erase_page_erases_a_page_once_and_only_in_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
