/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What MCUboot's own simulator tests, by its names, in every mode that moves images. The numbers
 * are those of the table "MCUboot's own tests" in docs/TESTING.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "each_mode.h"

#define G DFU_MAGIC_GOOD
#define S DFU_FLAG_SET
#define U DFU_FLAG_UNSET

static make_spec *const swaps[] = { spec_move, spec_offset, spec_scratch };
static make_spec *const all[] = { spec_move, spec_offset, spec_scratch, spec_overwrite,
                                  spec_overwrite_fast };

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
    (void)state;
    EACH(all, make)
    {
        struct device *d = device_of(make);

        confirm_as_programmed(d);
        break_update(d);
        request(d, false);
        assert_int_equal(start(d), OLD);
        assert_flags(d, WORLD_PRI, G, S, U);
        device_free(d);
    }
}

static void secondary_trailer_leftover_T2(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, OLD_SIZE);
        request(d, true);
        assert_int_equal(start(d), OLD);
        assert_nothing_asked(d);
        device_free(d);
    }
}

static void bootstrap_T3(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d;

        spec.bootstrap = true;
        d = device_new(&spec);
        put_update(d, NEW, NEW_SIZE);
        assert_int_equal(start(d), NEW);
        if (spec.mode == DFU_MODE_OVERWRITE) { /* nothing to go back to, nothing to confirm */
            assert_flags(d, WORLD_PRI, G, U, U);
        } else {
            assert_flags(d, WORLD_PRI, G, S, S);
        }
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void oversized_bootstrap_T4(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d;

        spec.bootstrap = true;
        d = device_new(&spec);
        put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0) + 1);
        assert_int_equal(start(d), 0);
        assert_int_equal(holds(d, WORLD_PRI), 0);
        assert_int_not_equal(trailer(d, WORLD_PRI).copy_done, S);
        device_free(d);
    }
}

static void norevert_newimage_T5(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, OLD_SIZE);
        assert_int_equal(dfu_trailer_write_magic(&d->world.map, &d->world.area[WORLD_PRI]), 0);
        assert_int_equal(start(d), OLD);
        assert_flags(d, WORLD_PRI, G, U, U);
        assert_nothing_asked(d);
        device_free(d);
    }
}

static void oversized_secondary_slot_T11(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, OLD_SIZE);
        confirm_as_programmed(d);
        put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0) + 1);
        put_bytes(d, WORLD_SEC, d->world.area[WORLD_SEC].size - 16,
                  "77c295f360d2ef7f3552500f2cb67980");
        assert_int_equal(start(d), OLD);
        assert_flags(d, WORLD_PRI, G, S, U);
        device_free(d);
    }
}

static void wrong_load_addr_T12(void **state)
{
    (void)state;
    EACH(all, make)
    {
        for (int is_right = 0; is_right < 2; is_right++) {
            struct device *d = device_of(make);
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
}

static void downgrade_prevention_T15(void **state)
{
    (void)state;
    EACH(all, make)
    {
        struct world_spec spec = make();
        struct device *d;

        spec.prevent_downgrade = true;
        d = device_new(&spec);
        put_image(d, WORLD_PRI, NEW, OLD_SIZE);
        put_update(d, OLD, NEW_SIZE);
        request(d, false);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

/* ---- Upgrades and reverts ---- */

static void basic_revert_T6(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        for (int starts = 2; starts <= 4; starts++) {
            struct device *d = device_of(make);
            unsigned runs = 0;

            request(d, false);
            for (int i = 0; i < starts; i++) {
                runs = start(d);
            }
            assert_int_equal(runs, OLD);
            device_free(d);
        }
    }
}

static void revert_with_fails_T7(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        for (uint32_t stop = 1, ops = ops_of_next_start(make, false); stop <= ops; stop++) {
            struct device *d = device_of(make);

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
}

static void perm_with_fails_T8(void **state)
{
    (void)state;
    EACH(all, make)
    {
        for (uint32_t stop = 1, ops = ops_of_next_start(make, true); stop <= ops; stop++) {
            struct device *d = device_of(make);

            request(d, true);
            start_cut(d, DFU_SIM_CUT_BEFORE, stop, 0);
            assert_upgraded_for_good(d);
            device_free(d);
        }
    }
}

static void perm_with_random_fails_T9(void **state)
{
    uint32_t random = 1;

    (void)state;
    EACH(all, make)
    {
        for (int run = 0; run < 50; run++) {
            struct device *d = device_of(make);

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
}

static void norevert_T10(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct device *d = device_of(make);

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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_secondary_slot_T1),
        cmocka_unit_test(secondary_trailer_leftover_T2),
        cmocka_unit_test(bootstrap_T3),
        cmocka_unit_test(oversized_bootstrap_T4),
        cmocka_unit_test(norevert_newimage_T5),
        cmocka_unit_test(basic_revert_T6),
        cmocka_unit_test(revert_with_fails_T7),
        cmocka_unit_test(perm_with_fails_T8),
        cmocka_unit_test(perm_with_random_fails_T9),
        cmocka_unit_test(norevert_T10),
        cmocka_unit_test(oversized_secondary_slot_T11),
        cmocka_unit_test(wrong_load_addr_T12),
        cmocka_unit_test(downgrade_prevention_T15),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
