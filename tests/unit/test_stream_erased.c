/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A stream that programs nothing where a block is erased at its ends anyway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/stream.h"
#include "nor.h"

#define SECTOR 1024u
#define SIZE   (2 * SECTOR)
#define BLOCK  64u
#define UNIT   4u

static struct nor *nor;
static struct dfu_stream stream;
static uint8_t data[SIZE], buf[BLOCK];
static uint32_t first, end, shown;

static void note_write(void *ctx, const struct dfu_sim_op *op)
{
    (void)ctx;
    first = op->off < first ? op->off : first;
    end = op->off + op->len > end ? op->off + op->len : end;
}

static int note_block(void *ctx, const uint8_t *block, size_t len, uint32_t off)
{
    (void)ctx;
    assert_memory_equal(block, data + off, len);
    shown += (uint32_t)len;
    return 0;
}

static void begin(uint8_t erased, bool leaves_erased)
{
    struct dfu_stream_config config = { .buf = buf,
                                        .buf_len = sizeof buf,
                                        .size = SIZE,
                                        .leaves_erased = leaves_erased,
                                        .after_write = note_block };

    nor = nor_new(SECTOR, 2, UNIT, erased);
    nor->flash.on_op = note_write;
    config.area = nor_area(nor, "area", 2);
    memset(data, erased, sizeof data);
    first = UINT32_MAX;
    end = shown = 0;
    assert_int_equal(dfu_stream_init(&stream, &config), DFU_OK);
}

static int finish(void **state)
{
    (void)state;
    nor_free(nor);
    return 0;
}

static void write_block(void)
{
    assert_int_equal(dfu_stream_buffered_write(&stream, data, BLOCK, false), DFU_OK);
    assert_memory_equal(nor->flash.mem, data, BLOCK);
    assert_int_equal(dfu_stream_bytes_written(&stream), BLOCK);
    assert_int_equal(shown, BLOCK);
}

static void units_of_erased_bytes_at_both_ends_are_left_out(void **state)
{
    static const uint8_t erased[] = { 0xff, 0x00 };

    (void)state;
    for (size_t i = 0; i < sizeof erased; i++) {
        begin(erased[i], true);
        data[9] = 0x5a;  /* in the third unit */
        data[41] = 0x5a; /* in the eleventh */
        write_block();
        assert_int_equal(first, 2 * UNIT);
        assert_int_equal(end, 11 * UNIT);
        assert_int_equal(nor->flash.writes, 1);
        nor_free(nor);
    }
    begin(0xff, true);
}

static void a_block_of_erased_bytes_is_not_programmed_at_all(void **state)
{
    (void)state;
    begin(0xff, true);
    write_block();
    assert_int_equal(nor->flash.writes, 0);
    data[BLOCK] = 1;
    assert_int_equal(dfu_stream_buffered_write(&stream, data + BLOCK, 1, true), DFU_OK);
    assert_int_equal(first, BLOCK);
    assert_int_equal(end, BLOCK + UNIT);
    assert_int_equal(dfu_stream_bytes_written(&stream), BLOCK + 1);
}

static void it_is_programmed_where_nobody_asked_to_leave_it(void **state)
{
    (void)state;
    begin(0xff, false);
    write_block();
    assert_int_equal(nor->flash.writes, 1);
    assert_int_equal(first, 0);
    assert_int_equal(end, BLOCK);
}

#define test(name) cmocka_unit_test_setup_teardown(name, NULL, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(units_of_erased_bytes_at_both_ends_are_left_out),
        test(a_block_of_erased_bytes_is_not_programmed_at_all),
        test(it_is_programmed_where_nobody_asked_to_leave_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
