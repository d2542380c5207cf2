/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using scratch where primary, secondary and scratch have write units of their own, as with
 * slots on different flash. Records are as far apart as the larger of primary's and scratch's, in
 * trailers that have room for those of their own: where they do not fit, nothing is begun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "each_mode.h"

static const uint8_t units[] = { 1, 2, 4, 8, 16 };

#define UNITS (sizeof(units) / sizeof(units[0]))

struct unit_set {
    uint8_t primary, secondary, scratch;
};

/* The trailer has a sector for itself. */
static struct world_spec apart(void)
{
    return spec_scratch();
}

/* It shares one with the images, so that the first records are made in scratch. */
static struct world_spec shared(void)
{
    struct world_spec spec = spec_scratch_shared();

    spec.max_sectors = 12;
    return spec;
}

static struct device *device_with(make_spec *make, const struct unit_set *set)
{
    struct world_spec spec = make();
    struct device *d;

    spec.max_align = 16;
    spec.areas[WORLD_PRI].write_size = set->primary;
    spec.areas[WORLD_SEC].write_size = set->secondary;
    spec.areas[WORLD_SCR].write_size = set->scratch;
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    request(d, false);
    return d;
}

static bool holds_both(struct device *d)
{
    return holds(d, WORLD_PRI) + holds(d, WORLD_SEC) == OLD + NEW;
}

/* An image runs after every cut of the next start, and none is lost; in the end all is at rest. */
static void loses_nothing(struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);
    uint32_t ops;

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    (void)start(d);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_not_equal(start(d), 0);
        assert_true(holds_both(d));
        assert_int_equal(start(d), OLD); /* reverted */
        assert_true(holds_both(d));
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
    }
    boot_world_restore(&d->world, kept);
    free(kept);
}

static bool is_upgraded(make_spec *make, const struct unit_set *set)
{
    struct device *d = device_with(make, set);
    bool is_done = start(d) == NEW;

    if (is_done) {
        loses_nothing(d); /* the revert */
        device_free(d);
        d = device_with(make, set);
        loses_nothing(d);
    } else {
        assert_string_equal(ops_of(d), "");
        assert_int_equal(holds(d, WORLD_PRI), OLD);
    }
    device_free(d);
    return is_done;
}

static void no_cut_costs_an_image_whatever_the_units_are(void **state)
{
    static make_spec *const makes[] = { apart, shared };

    (void)state;
    EACH(makes, make)
    {
        for (size_t i = 0; i < UNITS * UNITS * UNITS; i++) {
            struct unit_set set = { units[i / UNITS / UNITS], units[i / UNITS % UNITS],
                                    units[i % UNITS] };

            (void)is_upgraded(make, &set);
        }
    }
}

static void equal_units_are_never_in_the_way(void **state)
{
    static make_spec *const makes[] = { apart, shared };

    (void)state;
    EACH(makes, make)
    {
        for (size_t i = 0; i < UNITS; i++) {
            assert_true(is_upgraded(make, &(struct unit_set){ units[i], units[i], units[i] }));
        }
    }
}

static void internal_flash_with_larger_units_than_scratch_may_serve(void **state)
{
    (void)state;
    assert_true(is_upgraded(apart, &(struct unit_set){ 8, 4, 4 }));
    assert_true(is_upgraded(apart, &(struct unit_set){ 8, 1, 1 }));
    assert_true(is_upgraded(apart, &(struct unit_set){ 4, 8, 4 }));
}

static void records_that_reach_into_the_size_begin_nothing(void **state)
{
    (void)state;
    assert_false(is_upgraded(apart, &(struct unit_set){ 4, 4, 1 }));
    assert_false(is_upgraded(apart, &(struct unit_set){ 1, 1, 2 }));
    assert_false(is_upgraded(apart, &(struct unit_set){ 4, 4, 16 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cut_costs_an_image_whatever_the_units_are),
        cmocka_unit_test(equal_units_are_never_in_the_way),
        cmocka_unit_test(internal_flash_with_larger_units_than_scratch_may_serve),
        cmocka_unit_test(records_that_reach_into_the_size_begin_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
