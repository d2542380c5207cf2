/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A stream that goes on behind what flash holds already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/stream.h"
#include "nor.h"

#define SECTOR 1024u
#define SIZE   (6 * SECTOR + 100)

static struct nor *nor;
static struct dfu_stream stream;
static uint8_t data[7 * SECTOR], buf[256];

/* The flash holds data from the start; erased where has_content is false. */
static void begin(bool erase_ahead, bool has_content, uint32_t size)
{
    struct dfu_stream_config config = {
        .buf = buf, .buf_len = sizeof buf, .size = size, .erase_ahead = erase_ahead
    };

    nor = nor_new(SECTOR, 7, 4, 0xff);
    config.area = nor_area(nor, "area", 7);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 11 + (i >> 8) + 3);
    }
    if (has_content) {
        assert_int_equal(dfu_sim_flash_load(&nor->flash, 0, data, sizeof data), 0);
    }
    assert_int_equal(dfu_stream_init(&stream, &config), DFU_OK);
}

static int end(void **state)
{
    (void)state;
    nor_free(nor);
    return 0;
}

static int put(uint32_t len, bool flush)
{
    return dfu_stream_buffered_write(&stream, data + stream.written + stream.buffered, len, flush);
}

static void whole_sectors_are_skipped_and_the_rest_is_written(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    assert_int_equal(dfu_stream_skip(&stream, 2 * SECTOR), DFU_OK);
    assert_int_equal(put(SECTOR, false), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, SECTOR), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&stream), 4 * SECTOR);
    assert_int_equal(put(SIZE - 4 * SECTOR, true), DFU_OK);
    assert_memory_equal(nor->flash.mem, data, SIZE);
    assert_int_equal(nor->flash.erases, 1 + 3);
    assert_int_equal(nor->flash.double_programs, 0);
}

static void what_is_buffered_is_programmed_first(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    memset(nor->flash.mem + SECTOR - 10, 0, 10);
    assert_int_equal(put(SECTOR - 100, false), DFU_OK);
    assert_int_equal(put(100, false), DFU_OK);
    stream.config.buf_len = 200; /* so that a part of a block is left at the border */
    assert_int_equal(dfu_stream_skip(&stream, SECTOR), DFU_OK);
    assert_memory_equal(nor->flash.mem, data, 2 * SECTOR);
}

static void the_rest_of_the_stream_may_end_within_a_sector(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    assert_int_equal(dfu_stream_skip(&stream, SIZE), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, 0), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, 1), DFU_ERR_NOSPACE);
    assert_int_equal(nor->flash.ops, 0);
}

static void an_end_off_the_write_grid_is_an_end(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    assert_int_equal(dfu_stream_skip(&stream, SIZE - 3), DFU_OK);
    assert_int_equal(put(1, false), DFU_ERR_STATE);
    assert_int_equal(dfu_stream_skip(&stream, 1), DFU_ERR_STATE);
}

static void parts_of_sectors_are_not_skipped(void **state)
{
    static const uint32_t parts[] = { 1, 4, SECTOR - 4, SECTOR + 4, SIZE - 4, UINT32_MAX };

    (void)state;
    begin(true, true, SIZE);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_int_equal(dfu_stream_skip(&stream, parts[i]),
                         parts[i] > SIZE ? DFU_ERR_NOSPACE : DFU_ERR_ALIGN);
    }
    assert_int_equal(dfu_stream_bytes_written(&stream), 0);
}

static void a_sector_that_was_erased_for_this_stream_holds_nothing(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    assert_int_equal(put(256, false), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, SECTOR - 256), DFU_ERR_STATE);
    assert_int_equal(put(SECTOR - 256, false), DFU_OK);
    assert_int_equal(dfu_stream_erase_page(&stream, SECTOR), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, SECTOR), DFU_ERR_STATE);
    assert_int_equal(put(SIZE - SECTOR, true), DFU_OK);
    assert_memory_equal(nor->flash.mem, data, SIZE);
}

/* Somebody has erased it all; what reads erased is right where the data is. */
static void without_erase_ahead_any_unit_is_skipped(void **state)
{
    (void)state;
    begin(false, false, SIZE);
    memset(data + 256, 0xff, 512);
    assert_int_equal(put(256, false), DFU_OK);
    assert_int_equal(dfu_stream_skip(&stream, 512), DFU_OK);
    assert_int_equal(put(SIZE - 768, true), DFU_OK);
    assert_memory_equal(nor->flash.mem, data, SIZE);
}

static void nothing_is_not_a_stream(void **state)
{
    (void)state;
    begin(true, true, SIZE);
    assert_int_equal(dfu_stream_skip(NULL, 0), DFU_ERR_INVAL);
    stream.config.area = NULL;
    assert_int_equal(dfu_stream_skip(&stream, 0), DFU_ERR_INVAL);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_sectors_are_skipped_and_the_rest_is_written),
        TEST(what_is_buffered_is_programmed_first),
        TEST(the_rest_of_the_stream_may_end_within_a_sector),
        TEST(an_end_off_the_write_grid_is_an_end),
        TEST(parts_of_sectors_are_not_skipped),
        TEST(a_sector_that_was_erased_for_this_stream_holds_nothing),
        TEST(without_erase_ahead_any_unit_is_skipped),
        TEST(nothing_is_not_a_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
