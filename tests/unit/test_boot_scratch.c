/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using scratch: what only the scratch area tells of. (MCUboot's recordings and the power tests
 * show the rest of it.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

#define PRI_COPY_DONE 0x3fe0u

static struct device *device_with_scratch(void)
{
    struct world_spec spec = spec_move();

    spec.mode = DFU_MODE_SWAP_SCRATCH;
    spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC];
    spec.areas[WORLD_SCR] = (struct world_area_spec){
        .size = 0x1000, .write_size = 8, .runs = { { 0x1000, 1 } }, .run_count = 1
    };
    return device_new(&spec);
}

static uint32_t op_at(struct device *d, enum world_place place, uint32_t off)
{
    for (size_t i = 0; i < d->journal.count; i++) {
        if (d->journal.ops[i].kind == DFU_SIM_WRITE &&
            d->journal.ops[i].off == d->world.area[place].base + off) {
            return (uint32_t)i + 1;
        }
    }
    fail_msg("no write at 0x%x", (unsigned)off);
    return 0;
}

static uint8_t *keep(struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    return kept;
}

/* The new image on trial, and a copy_done that its cells refuse: it reads erased, and must not. */
static struct device *with_noted_trial_of(uint32_t size)
{
    struct device *d = device_with_scratch();
    uint32_t unit = (d->world.area[WORLD_PRI].base + PRI_COPY_DONE) / d->world.sim.write_size;
    uint8_t *kept;

    size = size > 0 ? size : dfu_slot_max_image(&d->world.map, 0);
    put_image(d, WORLD_PRI, OLD, size);
    put_image(d, WORLD_SEC, NEW, size);
    request(d, false);
    kept = keep(d);
    assert_int_equal(start(d), NEW);
    boot_world_restore(&d->world, kept);
    start_cut(d, DFU_SIM_CUT_BEFORE, op_at(d, WORLD_PRI, PRI_COPY_DONE), 0);
    d->world.sim.programmed[unit / 8] |= (uint8_t)(1u << unit % 8);
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_UNSET);
    free(kept);
    return d;
}

static struct device *with_noted_trial(void)
{
    return with_noted_trial_of(0x11f4);
}

/* Where the images share a sector with the trailers, scratch is needed for the revert itself. */
static void a_trial_noted_elsewhere_is_reverted_after_two_cuts(void **state)
{
    struct device *d = with_noted_trial_of(0);
    uint8_t *kept = keep(d);
    uint32_t ops;

    (void)state;
    assert_int_equal(start(d), OLD);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        uint32_t last = ops;

        for (uint32_t again = 1; again <= last; again++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, again, 0);
            if (boot_world_start(&d->world).err != DFU_ERR_POWER) {
                break;
            }
            assert_int_equal(start(d), OLD);
            assert_int_equal(holds(d, WORLD_SEC), NEW);
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
        }
    }
    free(kept);
    device_free(d);
}

static void a_trial_noted_elsewhere_is_reverted_whatever_is_cut(void **state)
{
    struct device *d = with_noted_trial();
    uint8_t *kept = keep(d);
    uint32_t ops;

    (void)state;
    assert_int_equal(start(d), OLD);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(holds(d, WORLD_SEC), NEW);
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
    }
    free(kept);
    device_free(d);
}

static void a_trial_noted_elsewhere_can_be_confirmed(void **state)
{
    struct device *d = with_noted_trial();

    (void)state;
    confirm(d);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(d), NEW);
    }
    device_free(d);
}

/* Its note is left over from an earlier trial: this one has not begun before its swap is done. */
static void a_note_beside_an_unfinished_swap_ends_no_trial(void **state)
{
    struct device *d = device_with_scratch();
    struct dfu_trailer at;
    uint8_t *kept;
    uint32_t last;

    (void)state;
    put_image(d, WORLD_PRI, OLD, 0x11f4);
    put_image(d, WORLD_SEC, NEW, 0x11f4);
    request(d, false);
    kept = keep(d);
    assert_int_equal(start(d), NEW);
    last = op_at(d, WORLD_PRI, PRI_COPY_DONE);
    assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_SEC], &at), 0);
    for (uint32_t op = 1; op < last; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        put_bytes(d, WORLD_SEC, at.status, "51a10000");
        assert_int_equal(start(d), NEW);
        assert_int_equal(start(d), OLD);
    }
    free(kept);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_noted_elsewhere_is_reverted_whatever_is_cut),
        cmocka_unit_test(a_trial_noted_elsewhere_is_reverted_after_two_cuts),
        cmocka_unit_test(a_trial_noted_elsewhere_can_be_confirmed),
        cmocka_unit_test(a_note_beside_an_unfinished_swap_ends_no_trial),
    };
    return cmocka_run_group_tests_name("swap using scratch", tests, NULL, NULL);
}
