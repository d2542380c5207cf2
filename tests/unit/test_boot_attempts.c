/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* An image on trial gets so many starts, no more, whatever is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/attempts.h"
#include "dfu/err.h"
#include "upgrade.h"

#define SIZE   0x1064u
#define MAX    3u
#define SECTOR 256u

struct attempts_device {
    struct device *d;
    struct dfu_boot_attempts attempts;
};

/* The records lie on the same flash, in the place of a scratch area. */
static struct attempts_device device_with(uint8_t max)
{
    struct world_spec spec = spec_move();
    struct attempts_device a;

    spec.areas[WORLD_SCR] = (struct world_area_spec){
        .size = 2 * SECTOR, .write_size = 8, .runs = { { SECTOR, 2 } }, .run_count = 1
    };
    a.d = device_new(&spec);
    a.d->world.map.scratch = NULL;
    put_image(a.d, WORLD_PRI, OLD, SIZE);
    put_image(a.d, WORLD_SEC, NEW, SIZE);
    request(a.d, false);
    a.attempts =
        (struct dfu_boot_attempts){ &dfu_boot_attempts_rules, &a.d->world.area[WORLD_SCR], max };
    return a;
}

static void arm(struct attempts_device *a)
{
    a->d->world.cfg.attempts = &a->attempts;
}

static void an_image_on_trial_gets_that_many_starts(void **state)
{
    (void)state;
    for (uint8_t max = 0; max < 6; max++) {
        struct attempts_device a = device_with(max);

        arm(&a);
        for (unsigned n = 0; n < (max > 1 ? max : 1); n++) {
            assert_int_equal(start(a.d), NEW);
        }
        assert_int_equal(start(a.d), OLD);
        assert_int_equal(a.d->last.result.swap[0], DFU_SWAP_REVERT);
        assert_int_equal(start(a.d), OLD);
        assert_string_equal(ops_of(a.d), "");
        device_free(a.d);
    }
}

static void it_can_be_confirmed_at_any_of_them_and_then_stays(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MAX; n++) {
        struct attempts_device a = device_with(MAX);

        arm(&a);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(start(a.d), NEW);
        }
        confirm(a.d);
        for (unsigned i = 0; i < 2 * MAX; i++) {
            assert_int_equal(start(a.d), NEW);
            assert_string_equal(ops_of(a.d), "");
        }
        device_free(a.d);
    }
}

static void the_next_trial_has_all_its_starts_again(void **state)
{
    struct attempts_device a = device_with(MAX);

    (void)state;
    arm(&a);
    for (int trial = 0; trial < 20; trial++) {
        for (unsigned n = 0; n < MAX; n++) {
            assert_int_equal(start(a.d), NEW);
        }
        assert_int_equal(start(a.d), OLD);
        request(a.d, false);
    }
    device_free(a.d);
}

static void the_outlook_counts_without_taking_one(void **state)
{
    struct attempts_device a = device_with(MAX);
    struct dfu_boot_outlook out;

    (void)state;
    arm(&a);
    assert_int_equal(start(a.d), NEW);
    for (unsigned n = 0; n < 5; n++) {
        dfu_sim_flash_power_on(&a.d->world.sim);
        assert_int_equal(dfu_boot_look(&a.d->world.cfg, 0, &out), DFU_OK);
        assert_int_equal(out.why, DFU_BOOT_WHY_ATTEMPTS);
        assert_int_equal(out.swap, DFU_SWAP_NONE);
    }
    assert_int_equal(start(a.d), NEW);
    assert_int_equal(start(a.d), NEW);
    dfu_sim_flash_power_on(&a.d->world.sim);
    assert_int_equal(dfu_boot_look(&a.d->world.cfg, 0, &out), DFU_OK);
    assert_int_equal(out.why, DFU_BOOT_WHY_TABLE);
    assert_int_equal(out.swap, DFU_SWAP_REVERT);
    device_free(a.d);
}

/* Every start cut at every operation, in every way: never more starts than max, the old image
 * comes back, and the trial itself was not lost. */
static void no_cut_gives_a_start_too_many_or_loses_the_way_back(void **state)
{
    (void)state;
    for (unsigned boot = 0; boot <= MAX; boot++) {
        bool is_over = false;

        for (uint32_t op = 1; !is_over; op++) {
            for (uint64_t tear = 0; tear < 4; tear++) {
                struct attempts_device a = device_with(MAX);
                unsigned runs = 0;

                arm(&a);
                for (unsigned n = 0; n < boot; n++) {
                    runs += start(a.d) == NEW;
                }
                dfu_sim_flash_power_on(&a.d->world.sim);
                dfu_sim_flash_cut(&a.d->world.sim, tear ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE,
                                  op, tear * 13 + op);
                a.d->last = boot_world_start(&a.d->world);
                is_over = a.d->last.err != DFU_ERR_POWER;
                runs += is_over && a.d->last.result.header.version.major == NEW;
                while (start(a.d) == NEW) {
                    runs++;
                    assert_true(runs <= MAX);
                }
                assert_int_equal(a.d->last.result.header.version.major, OLD);
                assert_int_equal(start(a.d), OLD);
                assert_string_equal(ops_of(a.d), "");
                device_free(a.d);
            }
        }
    }
}

/* What cannot be counted is not given. */
static void records_that_can_not_be_kept_give_one_start(void **state)
{
    struct attempts_device a = device_with(MAX);
    struct dfu_area small = a.d->world.area[WORLD_SCR];
    struct dfu_sector_run run = { SECTOR, 1 };

    (void)state;
    small.size = SECTOR;
    small.runs = &run;
    arm(&a);
    a.attempts.area = &small;
    assert_int_equal(start(a.d), NEW);
    assert_int_equal(start(a.d), OLD);
    device_free(a.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_on_trial_gets_that_many_starts),
        cmocka_unit_test(it_can_be_confirmed_at_any_of_them_and_then_stays),
        cmocka_unit_test(the_next_trial_has_all_its_starts_again),
        cmocka_unit_test(the_outlook_counts_without_taking_one),
        cmocka_unit_test(no_cut_gives_a_start_too_many_or_loses_the_way_back),
        cmocka_unit_test(records_that_can_not_be_kept_give_one_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
