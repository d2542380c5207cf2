/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Flash that fails under a start: places that cannot be read or programmed any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

#define SIZE     0x2064u
#define SEC_SIZE 0x4000u

static struct device *pending(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image(d, WORLD_SEC, NEW, SIZE);
    request(d, false);
    return d;
}

static const struct dfu_flash_ops *real_ops;
static uint32_t worn_from, worn_to; /* device offsets that can not be programmed any more */
static uint32_t deaf_from, deaf_to; /* ... or not be read */

static int worn_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    return off + len > deaf_from && off < deaf_to ? DFU_ERR_IO : real_ops->read(ctx, off, buf, len);
}

static int worn_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    return off >= worn_from && off < worn_to ? DFU_ERR_IO : real_ops->write(ctx, off, buf, len);
}

static int worn_erase(void *ctx, uint32_t off, size_t len)
{
    return real_ops->erase(ctx, off, len);
}

static const struct dfu_flash_ops worn_ops = { worn_read, worn_write, worn_erase };

static void wear_out(struct device *d, uint32_t from, uint32_t to)
{
    real_ops = d->world.area[WORLD_PRI].ops;
    d->world.area[WORLD_PRI].ops = &worn_ops;
    worn_from = d->world.area[WORLD_PRI].base + from;
    worn_to = d->world.area[WORLD_PRI].base + to;
    deaf_from = deaf_to = 0;
}

static void make_deaf(struct device *d, enum world_place place, uint32_t from, uint32_t to)
{
    real_ops = d->world.area[place].ops;
    d->world.area[place].ops = &worn_ops;
    worn_from = worn_to = 0;
    deaf_from = d->world.area[place].base + from;
    deaf_to = d->world.area[place].base + to;
}

static void a_secondary_that_can_not_be_reached_counts_as_empty(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);

    (void)state;
    make_deaf(d, WORLD_SEC, 0, SEC_SIZE);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    assert_non_null(strstr(lines_of(d), "I: Secondary image of image pair (0) is unreachable. "
                                        "Treat it as empty\n"));
    deaf_to = deaf_from;
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* MCUboot erases what it could not read. */
static void an_update_that_can_not_be_read_is_tried_again(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);

    (void)state;
    make_deaf(d, WORLD_SEC, 0x1000, 0x1100);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    assert_int_equal(d->last.result.update_err, DFU_ERR_IO);
    deaf_to = deaf_from;
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void a_primary_that_can_not_be_read_does_not_run(void **state)
{
    (void)state;
    for (uint32_t off = 0; off < 0x5000; off += 0x1000) {
        struct world_spec spec = spec_move();
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, SIZE);
        make_deaf(d, WORLD_PRI, off, off + 0x1000);
        assert_int_equal(start(d), off > SIZE ? OLD : 0);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

/* No record can be written at all: all go to the spare place. */
static void a_worn_out_status_area_does_not_lose_the_swap(void **state)
{
    (void)state;
    for (int validates = 0; validates < 2; validates++) {
        struct world_spec spec = spec_move();
        struct device *d;

        spec.validate_primary = validates != 0;
        d = pending(&spec);
        wear_out(d, 0x43d0, 0x4fd0);
        assert_int_equal(start(d), NEW);
        assert_null(strstr(lines_of(d), "status write fails"));
        assert_int_equal(d->last.result.update_err, DFU_OK);
        device_free(d);
    }
}

/* The spare place takes four bytes for each of its notes: in units of one byte it has room for six
 * of nine here. With the result verified the swap may end without the others; else it stops there,
 * goes on once it can, and what is half a swap does not run meanwhile. */
static void a_full_spare_place_does_not_lose_the_swap(void **state)
{
    (void)state;
    for (int validates = 0; validates < 2; validates++) {
        struct world_spec spec = spec_move();
        struct dfu_trailer at;
        struct device *d;

        spec.validate_primary = validates != 0;
        spec.max_sectors = 8;
        spec.areas[WORLD_PRI].write_size = spec.areas[WORLD_SEC].write_size = 1;
        d = pending(&spec);
        assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_PRI], &at), 0);
        wear_out(d, at.status, at.swap_size);
        assert_int_equal(start(d), validates ? NEW : 0);
        assert_int_equal(strstr(lines_of(d), "W: 3 status write fails performing the swap\n") !=
                             NULL,
                         validates);
        assert_int_equal(d->last.result.update_err, validates ? DFU_OK : DFU_ERR_IO);
        d->world.area[WORLD_PRI].ops = real_ops;
        assert_int_equal(start(d), validates ? OLD : NEW); /* a trial ends, or begins */
        device_free(d);
    }
}

static void a_slot_that_can_not_be_written_runs_nothing_unverified(void **state)
{
    (void)state;
    for (int validates = 0; validates < 2; validates++) {
        struct world_spec spec = spec_move();
        struct device *d;

        spec.validate_primary = validates != 0;
        d = pending(&spec);
        wear_out(d, 0x400, 0x800); /* in the last of three sectors to be written */
        assert_int_equal(start(d), 0);
        assert_int_equal(d->last.err, DFU_ERR_VERIFY);
        assert_int_equal(d->last.result.update_err, DFU_ERR_IO);
        device_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secondary_that_can_not_be_reached_counts_as_empty),
        cmocka_unit_test(an_update_that_can_not_be_read_is_tried_again),
        cmocka_unit_test(a_primary_that_can_not_be_read_does_not_run),
        cmocka_unit_test(a_worn_out_status_area_does_not_lose_the_swap),
        cmocka_unit_test(a_full_spare_place_does_not_lose_the_swap),
        cmocka_unit_test(a_slot_that_can_not_be_written_runs_nothing_unverified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
