/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Areas: bounds that cannot wrap, unequal sectors, every alignment, both erased values. The driver
 * below records what reaches it, because the point is what must not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/flash.h"
#include "nor.h"

struct driver {
    unsigned calls;
    uint32_t off[8];
    size_t len[8];
    uint8_t bytes[64];
    int answer;
};

static int note(struct driver *driver, uint32_t off, size_t len)
{
    driver->off[driver->calls] = off;
    driver->len[driver->calls] = len;
    driver->calls++;
    return driver->answer;
}

static int read_at(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)buf;
    return note(ctx, off, len);
}

static int write_at(void *ctx, uint32_t off, const void *buf, size_t len)
{
    struct driver *driver = ctx;

    memcpy(driver->bytes, buf, len < sizeof driver->bytes ? len : sizeof driver->bytes);
    return note(driver, off, len);
}

static int erase_at(void *ctx, uint32_t off, size_t len)
{
    return note(ctx, off, len);
}

static const struct dfu_flash_ops ops = { read_at, write_at, erase_at };

/* 0x0000 4 x 0x400, 0x1000 1 x 0x1000, 0x2000 2 x 0x800; 0x3000 bytes from 0x10000 on. */
static const struct dfu_sector_run mixed_runs[] = { { 0x400, 4 }, { 0x1000, 1 }, { 0x800, 2 } };

static struct dfu_area mixed(struct driver *driver)
{
    memset(driver, 0, sizeof *driver);
    return (struct dfu_area){
        .ops = &ops,
        .ctx = driver,
        .label = "mixed",
        .base = 0x10000,
        .size = 0x3000,
        .runs = mixed_runs,
        .run_count = 3,
        .write_size = 8,
        .erased = 0xff,
    };
}

/* ---- Bounds ---- */

static void no_offset_or_length_reaches_beyond_the_area(void **state)
{
    static const struct {
        uint32_t off;
        size_t len;
        int err;
    } cases[] = {
        { 0, 0x3000, DFU_OK },
        { 0x2ff8, 8, DFU_OK },
        { 0x3000, 0, DFU_OK },
        { 0x3000, 8, DFU_ERR_RANGE },
        { 0x3008, 0, DFU_ERR_RANGE },
        { 0, 0x3008, DFU_ERR_RANGE },
        { 0x2ff8, 16, DFU_ERR_RANGE },
        { UINT32_MAX - 7, 8, DFU_ERR_RANGE },
        { UINT32_MAX - 7, 16, DFU_ERR_RANGE },
        { 8, SIZE_MAX - 7, DFU_ERR_RANGE },
        { 8, (size_t)UINT32_MAX + 1 - 8, DFU_ERR_RANGE },
    };
    struct driver driver;
    struct dfu_area area = mixed(&driver);
    static uint8_t buf[0x3000];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        driver.calls = 0;
        assert_int_equal(dfu_area_read(&area, cases[i].off, buf, cases[i].len), cases[i].err);
        assert_int_equal(dfu_area_write(&area, cases[i].off, buf, cases[i].len), cases[i].err);
        assert_int_equal(driver.calls, cases[i].err || cases[i].len == 0 ? 0 : 2);
        if (cases[i].err && cases[i].len <= UINT32_MAX) {
            assert_int_equal(dfu_area_is_erased(&area, cases[i].off, (uint32_t)cases[i].len),
                             DFU_ERR_RANGE);
        }
    }
}

static void the_driver_sees_device_offsets(void **state)
{
    struct driver driver;
    struct dfu_area area = mixed(&driver);
    uint8_t buf[16];

    (void)state;
    assert_int_equal(dfu_area_read(&area, 3, buf, 5), DFU_OK);
    assert_int_equal(driver.off[0], 0x10003);
    assert_int_equal(driver.len[0], 5);
    driver.answer = DFU_ERR_IO;
    assert_int_equal(dfu_area_write(&area, 8, buf, 16), DFU_ERR_IO);
    assert_int_equal(driver.off[1], 0x10008);
}

/* ---- Alignment ---- */

static void writes_keep_to_units_of_every_size(void **state)
{
    struct driver driver;
    static uint8_t buf[64];

    (void)state;
    for (uint32_t unit = 1; unit <= 32; unit *= 2) {
        struct dfu_area area = mixed(&driver);

        area.write_size = (uint8_t)unit;
        for (uint32_t off = 0; off <= 32; off++) {
            for (uint32_t len = 1; len <= 32; len++) {
                bool fits = off % unit == 0 && len % unit == 0;

                driver.calls = 0;
                assert_int_equal(dfu_area_write(&area, off, buf, len),
                                 fits ? DFU_OK : DFU_ERR_ALIGN);
                assert_int_equal(driver.calls, fits);
            }
        }
    }
}

static void a_padded_value_ends_in_erased_bytes(void **state)
{
    struct driver driver;
    uint8_t value[33] = { 1, 2, 3, 4, 5 };

    (void)state;
    for (uint32_t unit = 1; unit <= 32; unit *= 2) {
        for (int erased = 0; erased <= 0xff; erased += 0xff) {
            struct dfu_area area = mixed(&driver);
            size_t padded = (5 + unit - 1) / unit * unit;

            area.write_size = (uint8_t)unit;
            area.erased = (uint8_t)erased;
            assert_int_equal(dfu_area_write_padded(&area, 32, value, 5), DFU_OK);
            assert_int_equal(driver.len[0], padded);
            assert_memory_equal(driver.bytes, value, 5);
            for (size_t i = 5; i < padded; i++) {
                assert_int_equal(driver.bytes[i], erased);
            }
            assert_int_equal(dfu_area_write_padded(&area, 0, value, 33), DFU_ERR_INVAL);
        }
    }
}

/* ---- Sectors ---- */

static void sectors_are_found_by_index_and_by_offset(void **state)
{
    static const struct dfu_sector expected[] = {
        { 0, 0x400 },       { 0x400, 0x400 },  { 0x800, 0x400 },  { 0xc00, 0x400 },
        { 0x1000, 0x1000 }, { 0x2000, 0x800 }, { 0x2800, 0x800 },
    };
    struct driver driver;
    struct dfu_area area = mixed(&driver);
    struct dfu_sector sector;

    (void)state;
    assert_int_equal(dfu_area_sector_count(&area), 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(dfu_area_sector(&area, i, &sector), DFU_OK);
        assert_memory_equal(&sector, &expected[i], sizeof sector);
        assert_int_equal(dfu_area_sector_at(&area, expected[i].off, &sector), DFU_OK);
        assert_memory_equal(&sector, &expected[i], sizeof sector);
        assert_int_equal(dfu_area_sector_at(&area, expected[i].off + expected[i].size - 1, &sector),
                         DFU_OK);
        assert_memory_equal(&sector, &expected[i], sizeof sector);
    }
    assert_int_equal(dfu_area_sector(&area, 7, &sector), DFU_ERR_RANGE);
    assert_int_equal(dfu_area_sector(&area, UINT32_MAX, &sector), DFU_ERR_RANGE);
    assert_int_equal(dfu_area_sector_at(&area, 0x3000, &sector), DFU_ERR_RANGE);
    assert_int_equal(dfu_area_sector_at(&area, UINT32_MAX, &sector), DFU_ERR_RANGE);
}

static void an_erase_is_whole_sectors_first_to_last_or_nothing(void **state)
{
    static const struct {
        uint32_t off, len;
        int err;
        unsigned calls;
    } cases[] = {
        { 0, 0x400, DFU_OK, 1 },
        { 0xc00, 0x1c00, DFU_OK, 3 },
        { 0, 0x3000, DFU_OK, 7 },
        { 0x1000, 0, DFU_OK, 0 },
        { 0, 0x401, DFU_ERR_ALIGN, 0 },
        { 0x200, 0x400, DFU_ERR_ALIGN, 0 },
        { 0, 0x1800, DFU_ERR_ALIGN, 0 },
        { 0x1800, 0x800, DFU_ERR_ALIGN, 0 },
        { 0, 0x3400, DFU_ERR_RANGE, 0 },
        { 0x3000, 0x400, DFU_ERR_RANGE, 0 },
        { UINT32_MAX - 0x3ff, 0x400, DFU_ERR_RANGE, 0 },
    };
    struct driver driver;
    struct dfu_area area = mixed(&driver);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        driver.calls = 0;
        assert_int_equal(dfu_area_erase(&area, cases[i].off, cases[i].len), cases[i].err);
        assert_int_equal(driver.calls, cases[i].calls);
    }
    driver.calls = 0;
    assert_int_equal(dfu_area_erase(&area, 0xc00, 0x1c00), DFU_OK);
    assert_int_equal(driver.off[0], 0x10c00);
    assert_int_equal(driver.off[1], 0x11000);
    assert_int_equal(driver.len[1], 0x1000);
    assert_int_equal(driver.off[2], 0x12000);
    driver.calls = 0;
    driver.answer = DFU_ERR_IO; /* stops there */
    assert_int_equal(dfu_area_erase(&area, 0, 0x3000), DFU_ERR_IO);
    assert_int_equal(driver.calls, 1);
}

static void one_byte_decides_whether_a_span_is_erased(void **state)
{
    (void)state;
    for (int erased = 0; erased <= 0xff; erased += 0xff) {
        struct nor *nor = nor_new(1024, 2, 1, (uint8_t)erased);
        const struct dfu_area *area = nor_area(nor, "a", 2);

        assert_int_equal(dfu_area_is_erased(area, 0, 2048), 1);
        assert_int_equal(dfu_area_is_erased(area, 2048, 0), 1);
        for (uint32_t at = 100; at < 300; at++) {
            nor->flash.mem[at] = (uint8_t)(erased ^ 0x01);
            assert_int_equal(dfu_area_is_erased(area, 100, 200), 0);
            assert_int_equal(dfu_area_is_erased(area, 0, at), 1);
            assert_int_equal(dfu_area_is_erased(area, at + 1, 2048 - at - 1), 1);
            nor->flash.mem[at] = (uint8_t)erased;
        }
        nor->flash.is_off = true;
        assert_int_equal(dfu_area_is_erased(area, 0, 2048), DFU_ERR_POWER);
        nor_free(nor);
    }
}

/* ---- The check at start ---- */

static void a_wrong_area_is_refused_at_start(void **state)
{
    static const struct dfu_flash_ops no_erase = { read_at, write_at, NULL };
    static const struct dfu_sector_run wraps[] = { { 0x400, 0x40000c } }; /* to 0x3000 */
    static const struct dfu_sector_run odd[] = { { 0x2ffc, 1 }, { 4, 1 } };
    static const struct dfu_sector_run empty[] = { { 0x3000, 1 }, { 0, 5 } };
    struct driver driver;
    struct dfu_area good = mixed(&driver);
    struct dfu_area a;

    (void)state;
    assert_int_equal(dfu_area_check(&good), DFU_OK);
    assert_int_equal(dfu_area_check(NULL), DFU_ERR_INVAL);
    a = good, a.ops = NULL;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.ops = &no_erase;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.size = 0;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.size = 0x3400;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.size = 0x2800;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.base = UINT32_MAX - 0x3007;
    assert_int_equal(dfu_area_check(&a), DFU_OK);
    a.base += 8; /* the end would not fit 32 bits */
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.write_size = 0;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_ALIGN);
    a = good, a.write_size = 12;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_ALIGN);
    a = good, a.write_size = 64;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_ALIGN);
    a = good, a.base = 4;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_ALIGN);
    a = good, a.runs = wraps, a.run_count = 1;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.runs = odd, a.run_count = 2;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_ALIGN);
    a = good, a.runs = empty, a.run_count = 2;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
    a = good, a.run_count = 0;
    assert_int_equal(dfu_area_check(&a), DFU_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_offset_or_length_reaches_beyond_the_area),
        cmocka_unit_test(the_driver_sees_device_offsets),
        cmocka_unit_test(writes_keep_to_units_of_every_size),
        cmocka_unit_test(a_padded_value_ends_in_erased_bytes),
        cmocka_unit_test(sectors_are_found_by_index_and_by_offset),
        cmocka_unit_test(an_erase_is_whole_sectors_first_to_last_or_nothing),
        cmocka_unit_test(one_byte_decides_whether_a_span_is_erased),
        cmocka_unit_test(a_wrong_area_is_refused_at_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
