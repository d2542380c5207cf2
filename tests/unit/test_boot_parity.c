/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What MCUboot's own simulator tests, by its names, in every mode that moves images and on every
 * kind of flash of scenario.c. The numbers are those of the table "MCUboot's own tests" in docs/MCUBOOT.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bad_flash.h"
#include "dfu/update.h"
#include "scenario.h"

#define G DFU_MAGIC_GOOD
#define S DFU_FLAG_SET
#define U DFU_FLAG_UNSET

static void confirm_as_programmed(struct device *d)
{
    dfu_sim_flash_power_on(&d->world.sim);
    assert_int_equal(dfu_trailer_write_magic(&d->world.map, &d->world.area[WORLD_PRI]), 0);
    confirm(d);
}

static void break_update(struct device *d)
{
    put_bytes(d, WORLD_SEC, update_off(d) + 100, "00");
}

/* ---- Refusals ---- */

static void bad_secondary_slot_T1(void **state)
{
    struct device *d = device_on(*state);

    confirm_as_programmed(d);
    break_update(d);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_flags(d, WORLD_PRI, G, S, U);
    device_free(d);
}

static void secondary_trailer_leftover_T2(void **state)
{
    struct device *d = device_new(*state);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    request(d, true);
    assert_int_equal(start(d), OLD);
    assert_nothing_asked(d);
    device_free(d);
}

static void bootstrap_T3(void **state)
{
    struct device *d = device_new(*state);

    d->world.cfg.bootstrap = true;
    put_update(d, NEW, NEW_SIZE);
    assert_int_equal(start(d), NEW);
    assert_flags(d, WORLD_PRI, G, S, S);
    assert_true(!is_swap(d) || dfu_boot_is_img_confirmed(&d->world.map, 0));
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void oversized_bootstrap_T4(void **state)
{
    struct device *d = device_new(*state);

    d->world.cfg.bootstrap = true;
    put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0) + 1);
    assert_int_equal(start(d), 0);
    assert_int_equal(holds(d, WORLD_PRI), 0);
    assert_int_not_equal(trailer(d, WORLD_PRI).copy_done, S);
    device_free(d);
}

static void norevert_newimage_T5(void **state)
{
    struct device *d = device_new(*state);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    assert_int_equal(dfu_trailer_write_magic(&d->world.map, &d->world.area[WORLD_PRI]), 0);
    assert_int_equal(start(d), OLD);
    assert_flags(d, WORLD_PRI, G, U, U);
    assert_nothing_asked(d);
    device_free(d);
}

static void oversized_secondary_slot_T11(void **state)
{
    struct device *d = device_new(*state);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    confirm_as_programmed(d);
    put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0) + 1);
    put_magic(d, WORLD_SEC);
    assert_int_equal(start(d), OLD);
    assert_flags(d, WORLD_PRI, G, S, U);
    device_free(d);
}

static void wrong_load_addr_T12(void **state)
{
    for (int is_right = 0; is_right < 2; is_right++) {
        struct device *d = device_on(*state);
        struct test_recipe recipe = {
            .version = { .major = NEW },
            .load_addr = d->world.area[is_right ? WORLD_PRI : WORLD_SEC].base + 32,
        };

        d->world.cfg.check_load_addr = true;
        wipe(d, WORLD_SEC, 0, d->world.area[WORLD_SEC].size);
        put_recipe(d, WORLD_SEC, &recipe, NEW_SIZE);
        request(d, false);
        assert_int_equal(start(d), is_right ? NEW : OLD);
        if (!is_right) {
            assert_true(is_blank(d, WORLD_SEC, 0, d->world.area[WORLD_SEC].size));
            assert_int_equal(d->last.result.update_fault, DFU_IMAGE_WRONG_ADDRESS);
        }
        device_free(d);
    }
}

static void downgrade_prevention_T15(void **state)
{
    struct device *d = device_new(*state);

    d->world.cfg.prevent_downgrade = true;
    put_image(d, WORLD_PRI, NEW, OLD_SIZE);
    put_update(d, OLD, NEW_SIZE);
    request(d, false);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* ---- Upgrades and reverts ---- */

static void basic_revert_T6(void **state)
{
    for (int starts = 2; starts <= 4; starts++) {
        struct device *d = device_on(*state);
        unsigned runs = 0;

        request(d, false);
        for (int i = 0; i < starts; i++) {
            runs = start(d);
        }
        assert_int_equal(runs, OLD);
        device_free(d);
    }
}

static void revert_with_fails_T7(void **state)
{
    for (uint32_t stop = 1, ops = ops_of_next_start(*state, false); stop <= ops; stop++) {
        struct device *d = device_on(*state);

        request(d, false);
        start_cut(d, DFU_SIM_CUT_BEFORE, stop, 0);
        assert_int_equal(trailer(d, WORLD_PRI).copy_done, U);
        assert_int_equal(start(d), NEW);
        assert_int_equal(secondary_holds(d), OLD);
        assert_flags(d, WORLD_PRI, G, U, S);
        assert_nothing_asked(d);
        start_cut(d, DFU_SIM_CUT_BEFORE, stop, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(secondary_holds(d), NEW);
        assert_flags(d, WORLD_PRI, G, S, S);
        assert_nothing_asked(d);
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void perm_with_fails_T8(void **state)
{
    for (uint32_t stop = 1, ops = ops_of_next_start(*state, true); stop <= ops; stop++) {
        struct device *d = device_on(*state);

        request(d, true);
        start_cut(d, DFU_SIM_CUT_BEFORE, stop, 0);
        assert_upgraded_for_good(d);
        device_free(d);
    }
}

static void perm_with_random_fails_T9(void **state)
{
    uint32_t random = 1;

    for (int run = 0; run < 50; run++) {
        struct device *d = device_on(*state);

        request(d, true);
        for (int stop = 0; stop < 5; stop++) {
            random = random * 1664525u + 1013904223u;
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, 1 + random / 65536 % 40, 0);
            (void)boot_world_start(&d->world);
        }
        assert_upgraded_for_good(d);
        device_free(d);
    }
}

static void norevert_T10(void **state)
{
    struct device *d = device_on(*state);

    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_flags(d, WORLD_PRI, G, U, S);
    assert_nothing_asked(d);
    confirm(d);
    assert_flags(d, WORLD_PRI, G, S, S);
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO(bad_secondary_slot_T1),
        SCENARIO(secondary_trailer_leftover_T2),
        SCENARIO(bootstrap_T3),
        SCENARIO(oversized_bootstrap_T4),
        SCENARIO(norevert_newimage_T5),
        SCENARIO_OF_SWAPS(basic_revert_T6),
        SCENARIO_OF_SWAPS(revert_with_fails_T7),
        SCENARIO(perm_with_fails_T8),
        SCENARIO(perm_with_random_fails_T9),
        SCENARIO_OF_SWAPS(norevert_T10),
        SCENARIO(oversized_secondary_slot_T11),
        SCENARIO(wrong_load_addr_T12),
        SCENARIO(downgrade_prevention_T15),
    };

    return run_scenarios("MCUboot's scenarios", scenarios, sizeof scenarios / sizeof scenarios[0]);
}
