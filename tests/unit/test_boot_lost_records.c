/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Status records that cannot be written, and power that fails besides: T13 and T14 of MCUboot's own
 * simulator, and what it leaves open there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "scenario.h"

#define G DFU_MAGIC_GOOD
#define S DFU_FLAG_SET
#define U DFU_FLAG_UNSET

/* One at a time: cmocka runs tests one after the other. */
static struct {
    const struct dfu_flash_ops *real;
    uint32_t from, to, base, percent, random;
    uint32_t also; /* one more place; 0: none */
} bad;

static int write_badly(void *ctx, uint32_t off, const void *data, size_t len)
{
    bad.random = bad.random * 1664525u + 1013904223u;
    if (off - bad.base >= bad.from && off - bad.base < bad.to &&
        bad.random / 65536 % 100 < bad.percent) {
        return DFU_ERR_IO;
    }
    if (bad.also > 0 && off - bad.base == bad.also) {
        return DFU_ERR_IO;
    }
    return bad.real->write(ctx, off, data, len);
}

static void spoil_status_of(struct device *d, enum world_place place, struct dfu_flash_ops *ops,
                            uint32_t percent)
{
    struct dfu_area *area = &d->world.area[place];
    struct dfu_trailer at;

    assert_int_equal(dfu_slot_trailer(&d->world.map, area, &at), 0);
    bad.real = area->ops;
    bad.from = at.status;
    bad.to = at.status + at.status_count * at.status_stride;
    bad.base = area->base;
    bad.percent = percent;
    bad.also = 0;
    *ops = *area->ops;
    ops->write = write_badly;
    area->ops = ops;
}

static void spoil_status(struct device *d, struct dfu_flash_ops *ops, uint32_t percent)
{
    spoil_status_of(d, WORLD_PRI, ops, percent);
}

static void status_write_fails_complete_T13(void **state)
{
    struct device *d = device_on(*state);
    struct dfu_flash_ops ops;

    request(d, true);
    spoil_status(d, &ops, 100);
    assert_upgraded_for_good(d);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* The same with images that end beside their trailers: in swap using scratch some records lie in
 * scratch then, and go to the primary with its trailer. */
static void status_write_fails_complete_with_the_largest_image_T13(void **state)
{
    struct device *d = device_new(*state);
    struct dfu_flash_ops ops;

    put_image(d, WORLD_PRI, OLD, dfu_slot_max_image(&d->world.map, 0));
    put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0));
    request(d, true);
    spoil_status(d, &ops, 100);
    assert_upgraded_for_good(d);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

/* Half of the records are lost and the power fails; then the flash works again. */
static void status_write_fails_with_reset_T14(void **state)
{
    uint32_t ops_count = ops_of_next_start(*state, true);

    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct device *d = device_on(*state);
        struct dfu_flash_ops ops;
        unsigned runs;

        request(d, true);
        bad.random = seed;
        spoil_status(d, &ops, 50);
        dfu_sim_flash_power_on(&d->world.sim);
        dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, ops_count / 2, 0);
        (void)boot_world_start(&d->world);
        d->world.area[WORLD_PRI].ops = bad.real;
        runs = start(d);
        assert_true(runs == NEW || runs == OLD);
        device_free(d);
    }
}

static struct world_spec spec_scratch_of_nine(void)
{
    struct world_spec spec = spec_scratch();

    for (int i = 0; i < 2; i++) {
        enum world_place place = i == 0 ? WORLD_PRI : WORLD_SEC;

        spec.areas[place].size = 9 * spec.areas[place].runs[0].size;
        spec.areas[place].runs[0].count = 9;
    }
    return spec;
}

static void assert_both_survive(struct device *d, unsigned runs)
{
    assert_true(runs == NEW || runs == OLD);
    assert_int_equal(secondary_holds(d), OLD + NEW - runs);
}

/* The same with power failing anywhere, in an update and in its revert, with images that leave the
 * trailers alone and with the largest, and where it is the records in scratch that are lost. */
static void lost_records_and_a_cut_lose_no_image(make_spec *make, enum world_place lossy,
                                                 uint32_t size, uint32_t percent, bool reverts)
{
    for (uint32_t stop = 1, ops_count = 1; stop <= ops_count; stop++) {
        struct world_spec spec = make();
        struct device *d = device_new(&spec);
        uint32_t length = size > 0 ? size : dfu_slot_max_image(&d->world.map, 0);
        struct dfu_flash_ops ops;

        put_image(d, WORLD_PRI, OLD, length);
        put_update(d, NEW, length);
        request(d, false);
        if (reverts) {
            assert_int_equal(start(d), NEW);
        }
        bad.random = stop;
        spoil_status_of(d, lossy, &ops, percent);
        dfu_sim_flash_power_on(&d->world.sim);
        if (stop == 1) {
            uint8_t *kept = malloc(d->world.state_size);

            assert_non_null(kept);
            boot_world_keep(&d->world, kept);
            (void)boot_world_start(&d->world);
            ops_count = d->world.sim.ops;
            boot_world_restore(&d->world, kept);
            free(kept);
            dfu_sim_flash_power_on(&d->world.sim);
        }
        dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, stop, 0);
        (void)boot_world_start(&d->world);
        d->world.area[lossy].ops = bad.real;
        assert_both_survive(d, start(d));
        assert_both_survive(d, start(d));
        device_free(d);
    }
}

static void lost_records_and_a_cut_lose_no_image_T14(void **state)
{
    static make_spec *const makes[] = { spec_move, spec_offset, spec_scratch,
                                        spec_scratch_of_nine };
    static const uint32_t percents[] = { 50, 100 };

    (void)state;
    EACH(makes, make)
    {
        for (unsigned way = 0; way < 8; way++) {
            uint32_t size = (way & 1) != 0 ? 0 : NEW_SIZE;

            lost_records_and_a_cut_lose_no_image(make, WORLD_PRI, size, percents[way >> 1 & 1],
                                                 (way & 4) != 0);
            if (make == spec_scratch) {
                lost_records_and_a_cut_lose_no_image(make, WORLD_SCR, size, percents[way >> 1 & 1],
                                                     (way & 4) != 0);
            }
        }
    }
}

/* While the primary is untouched, the swap waits rather than going on without any record. */
static void a_first_record_that_no_place_takes_stops_the_swap_T14(void **state)
{
    struct world_spec spec = spec_scratch();
    struct device *d = device_new(&spec);
    struct dfu_flash_ops ops;
    struct dfu_trailer at;

    (void)state;
    put_image(d, WORLD_PRI, OLD, dfu_slot_max_image(&d->world.map, 0));
    put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0));
    request(d, false);
    spoil_status_of(d, WORLD_SCR, &ops, 100);
    assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_SCR], &at), 0);
    bad.also = at.copy_done;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->last.result.update_err, DFU_ERR_IO);
        assert_int_equal(secondary_holds(d), NEW);
    }
    d->world.area[WORLD_SCR].ops = bad.real;
    assert_both_survive(d, start(d));
    assert_int_equal(holds(d, WORLD_PRI), NEW);
    device_free(d);
}

/* The place of spare records shares its sector with the largest image, and stays as it is when a
 * swap has ended. */
static void records_noted_in_an_earlier_swap_do_not_count_T14(void **state)
{
    static make_spec *const both_in_place[] = { spec_move, spec_scratch };

    (void)state;
    EACH(both_in_place, make)
    {
        for (uint32_t stop = 1, ops_count = 1; stop <= ops_count; stop++) {
            struct world_spec spec = make();
            struct device *d = device_new(&spec);
            struct dfu_flash_ops ops;

            put_image(d, WORLD_PRI, OLD, dfu_slot_max_image(&d->world.map, 0));
            put_update(d, NEW, dfu_slot_max_image(&d->world.map, 0));
            request(d, false);
            spoil_status(d, &ops, 100);
            assert_int_equal(start(d), NEW);
            d->world.area[WORLD_PRI].ops = bad.real;
            confirm(d);
            request(d, false);
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_BEFORE, stop, 0);
            if (boot_world_start(&d->world).err == DFU_ERR_POWER) {
                ops_count = stop + 1;
                assert_int_equal(start(d), OLD);
            }
            assert_int_equal(secondary_holds(d), NEW);
            device_free(d);
        }
    }
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO(status_write_fails_complete_T13),
        SCENARIO(status_write_fails_complete_with_the_largest_image_T13),
        SCENARIO_OF_SWAPS(status_write_fails_with_reset_T14),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_records_and_a_cut_lose_no_image_T14),
        cmocka_unit_test(a_first_record_that_no_place_takes_stops_the_swap_T14),
        cmocka_unit_test(records_noted_in_an_earlier_swap_do_not_count_T14),
    };

    int failed = run_scenarios("lost records", scenarios, sizeof scenarios / sizeof scenarios[0]);

    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
