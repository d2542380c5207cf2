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

#include "bad_flash.h"
#include "dfu/err.h"
#include "each_mode.h"

static make_spec *const all[] = { spec_move, spec_offset, spec_scratch, spec_overwrite,
                                  spec_overwrite_fast };
static make_spec *const swaps[] = { spec_move, spec_offset, spec_scratch };

#define NOT_VALID(slot) "E: Image in the " slot " slot is not valid!\n"

static struct device *requested(make_spec *make)
{
    struct device *d = device_of(make);

    request(d, false);
    return d;
}

/* ---- Images ---- */

static void lengths_that_lie_in_the_primary_run_nothing(void **state)
{
    (void)state;
    EACH(all, make)
    {
        for (size_t i = 0; i < LIE_COUNT; i++) {
            struct device *d = device_of(make);

            put_lie(d, WORLD_PRI, 0, OLD_SIZE, &lies[i]);
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
        for (size_t i = 0; i < LIE_COUNT; i++) {
            struct device *d = requested(make);

            put_lie(d, WORLD_SEC, update_off(d), NEW_SIZE, &lies[i]);
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
                if ((way >> place & 1) != 0) {
                    put_noise_in_trailer(d, place, &random);
                }
                if ((way >> (2 + place) & 1) != 0) {
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
