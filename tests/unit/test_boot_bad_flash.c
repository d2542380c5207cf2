/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Flash that holds nonsense, in every mode that moves images: the start ends, hashes no more than
 * the slots hold, runs nothing that was not verified, and says on the console what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "each_mode.h"

static make_spec *const all[] = { spec_move, spec_offset, spec_scratch, spec_overwrite,
                                  spec_overwrite_fast };
static make_spec *const swaps[] = { spec_move, spec_offset, spec_scratch };

#define NOT_VALID(slot) "E: Image in the " slot " slot is not valid!\n"

/* ---- Bytes that a start reads ---- */

/* One at a time: cmocka runs tests one after the other. */
static struct {
    const struct dfu_flash_ops *real;
    uint64_t read;
} counted;

static int count_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    counted.read += len;
    return counted.real->read(ctx, off, buf, len);
}

/* A start; its operations and the bytes it reads have a bound that follows from the slots alone:
 * each of both images is looked at a few times, and moved at most once. */
static unsigned start_within_bounds(struct device *d)
{
    struct dfu_flash_ops ops = *d->world.area[WORLD_PRI].ops;
    unsigned runs;

    counted.real = d->world.area[WORLD_PRI].ops;
    counted.read = 0;
    ops.read = count_read;
    for (enum world_place place = WORLD_PRI; place <= WORLD_SCR; place++) {
        if (d->world.area[place].ops) {
            d->world.area[place].ops = &ops;
        }
    }
    runs = start(d);
    for (enum world_place place = WORLD_PRI; place <= WORLD_SCR; place++) {
        if (d->world.area[place].ops) {
            d->world.area[place].ops = counted.real;
        }
    }
    assert_true(counted.read < (uint64_t)8 * d->world.sim.size);
    assert_true(d->last.ops < d->world.sim.size / 64);
    assert_true(d->last.err == DFU_OK || d->last.err == DFU_ERR_VERIFY);
    return runs;
}

static struct device *requested(make_spec *make)
{
    struct device *d = device_of(make);

    request(d, false);
    return d;
}

static void assert_said(struct device *d, const char *line)
{
    if (!strstr(lines_of(d), line)) {
        fail_msg("not said: %s", line);
    }
}

/* ---- Images ---- */

/* Of a header, at its offset in the image, and the verdict. */
static const struct {
    uint32_t off;
    const char *hex;
    enum dfu_image_fault fault;
} lies[] = {
    { 8, "ffff", DFU_IMAGE_TRUNCATED },                  /* the header's own size */
    { 8, "0000", DFU_IMAGE_BAD_HEADER },                 /* ... smaller than a header */
    { 10, "ffff", DFU_IMAGE_BAD_PROT_SIZE },             /* the protected TLVs */
    { 12, "ffffffff", DFU_IMAGE_SIZE_OVERFLOW },         /* the body; sums that wrap around */
    { 12, "00000000", DFU_IMAGE_BAD_TLV_MAGIC },         /* TLVs where none are */
    { 12, "00300000", DFU_IMAGE_BAD_TLV_MAGIC },         /* ... in erased flash */
    { OLD_SIZE - 38, "ffff", DFU_IMAGE_TRUNCATED },      /* their area */
    { OLD_SIZE - 34, "ffff", DFU_IMAGE_BAD_TLV_BOUNDS }, /* one of them */
};

static void lengths_that_lie_in_the_primary_run_nothing(void **state)
{
    (void)state;
    EACH(all, make)
    {
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            struct device *d = device_of(make);

            put_bytes(d, WORLD_PRI, lies[i].off, lies[i].hex);
            assert_int_equal(start_within_bounds(d), 0);
            assert_int_equal(d->last.result.fault, lies[i].fault);
            assert_said(d, NOT_VALID("primary"));
            device_free(d);
        }
    }
}

static void lengths_that_lie_in_the_secondary_install_nothing(void **state)
{
    (void)state;
    EACH(all, make)
    {
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            struct device *d = requested(make);
            uint32_t off = lies[i].off < 32 ? lies[i].off : lies[i].off + NEW_SIZE - OLD_SIZE;

            put_bytes(d, WORLD_SEC, update_off(d) + off, lies[i].hex);
            assert_int_equal(start_within_bounds(d), OLD);
            assert_int_equal(d->last.result.update_fault, lies[i].fault);
            assert_said(d, NOT_VALID("secondary"));
            assert_int_equal(start_within_bounds(d), OLD);
            assert_string_equal(ops_of(d), "");
            device_free(d);
        }
    }
}

static void two_broken_slots_run_nothing(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct device *d = requested(make);

        put_bytes(d, WORLD_PRI, 100, "00");
        put_bytes(d, WORLD_SEC, update_off(d) + 100, "00");
        assert_int_equal(start_within_bounds(d), 0);
        assert_said(d, NOT_VALID("secondary"));
        assert_said(d, NOT_VALID("primary"));
        assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
        assert_null(d->last.result.area);
        assert_int_equal(start_within_bounds(d), 0);
        device_free(d);
    }
}

/* ---- Trailers, records, scratch ---- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void put_noise(struct device *d, enum world_place place, uint32_t off, uint32_t len,
                      uint32_t *state)
{
    uint8_t *at = boot_world_bytes(&d->world, place) + off;

    for (uint32_t i = 0; i < len; i++) {
        at[i] = (uint8_t)next_random(state);
    }
    dfu_sim_flash_adopt(&d->world.sim);
}

static void put_magic(struct device *d, enum world_place place)
{
    put_bytes(d, place, d->world.area[place].size - 16, "77c295f360d2ef7f3552500f2cb67980");
}

/* Noise in one or both trailers, with and without a magic that vouches for it. Whatever it asks,
 * what runs is one of the two images, whole. */
static void noise_in_trailers_runs_nothing_but_a_whole_image(void **state)
{
    uint32_t random = 1;

    (void)state;
    EACH(swaps, make)
    {
        for (int way = 0; way < 200; way++) {
            struct device *d = device_of(make);

            for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
                uint32_t size = d->world.area[place].size;

                if ((way >> place & 1) != 0) {
                    put_noise(d, place, size - 0x80, 0x70, &random);
                }
                if ((way >> (2 + place) & 1) != 0) {
                    wipe(d, place, size - 16, 16);
                    put_magic(d, place);
                }
            }
            for (int i = 0; i < 4; i++) {
                unsigned runs = start_within_bounds(d);

                assert_true(runs == OLD || runs == NEW || runs == 0);
                assert_true(runs > 0 || d->log.count > 0);
            }
            device_free(d);
        }
    }
}

/* An order to go on with a swap that never began, by any records, of any size. */
static void records_of_no_swap_move_nothing(void **state)
{
    static const char *const sizes[] = { "00000000", "ffffffff", "00000100", "ffffff7f",
                                         "01000000" };

    (void)state;
    EACH(swaps, make)
    {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct device *d = device_of(make);
            struct dfu_trailer at;
            char said[8192];

            assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_PRI], &at), 0);
            put_magic(d, WORLD_PRI);
            put_bytes(d, WORLD_PRI, at.swap_info, "02");
            wipe(d, WORLD_PRI, at.swap_size, 4);
            put_bytes(d, WORLD_PRI, at.swap_size, sizes[i]);
            put_bytes(d, WORLD_PRI, at.status + 5 * at.status_stride, "01");
            assert_int_equal(start_within_bounds(d), OLD);
            assert_string_equal(ops_of(d), "");
            (void)snprintf(said, sizeof said, "%s", lines_of(d));
            assert_non_null(strstr(said, "W: Failed reading "));
            device_free(d);
        }
    }
}

static void garbage_in_scratch_moves_nothing(void **state)
{
    uint32_t random = 7;

    (void)state;
    for (int way = 0; way < 100; way++) {
        struct device *d = device_of(spec_scratch);
        uint32_t size = d->world.area[WORLD_SCR].size;
        unsigned runs;

        put_noise(d, WORLD_SCR, 0, size, &random);
        if (way % 2 == 1) {
            wipe(d, WORLD_SCR, size - 16, 16);
            put_magic(d, WORLD_SCR);
        }
        runs = start_within_bounds(d);
        assert_true(runs == OLD || (way % 2 == 1 && runs == NEW));
        assert_int_equal(secondary_holds(d), OLD + NEW - runs);
        device_free(d);
    }
}

/* ---- Keys ---- */

static void without_a_key_nothing_runs_and_nothing_is_installed(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct device *d = requested(make);

        d->world.cfg.policy.hash_only = false; /* and no keys: nothing is trusted */
        d->world.cfg.policy.key_count = 0;
        assert_int_equal(start(d), 0);
        assert_int_equal(d->last.err, DFU_ERR_INVAL); /* no configuration at all */
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_that_lie_in_the_primary_run_nothing),
        cmocka_unit_test(lengths_that_lie_in_the_secondary_install_nothing),
        cmocka_unit_test(two_broken_slots_run_nothing),
        cmocka_unit_test(noise_in_trailers_runs_nothing_but_a_whole_image),
        cmocka_unit_test(records_of_no_swap_move_nothing),
        cmocka_unit_test(garbage_in_scratch_moves_nothing),
        cmocka_unit_test(without_a_key_nothing_runs_and_nothing_is_installed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
