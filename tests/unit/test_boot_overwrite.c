/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Overwrite only: the worked example of the specification, cuts, and what comes after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

#define OLD_SIZE 0x2064u
#define NEW_SIZE 0x21f4u
#define MAX_SIZE 0x3fd8u /* up to swap_info */
#define MAGIC    "77c295f360d2ef7f3552500f2cb67980"

static struct device *pending(const struct world_spec *spec, uint32_t size)
{
    struct device *d = device_new(spec);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, size);
    request(d, false);
    return d;
}

/* The copy ends with the image: MCUboot adds a write unit where there is nothing to round (B7). */
static void the_fast_example_is_followed_to_the_byte(void **state)
{
    static const struct {
        uint32_t size;
        const char *ops, *line;
    } rows[] = {
        { NEW_SIZE,
          "E pri 0\nE pri 1000\nE pri 2000\nE pri 3000\nW pri 0+21f8\nw pri 3ff0 " MAGIC
          "\nE sec 0\nE sec 3000\n",
          "I: Image 0 copying the secondary slot to the primary slot: 0x21f8 bytes\n" },
        { 0x1ff8,
          "E pri 0\nE pri 1000\nE pri 3000\nW pri 0+1ff8\nw pri 3ff0 " MAGIC
          "\nE sec 0\nE sec 3000\n",
          "I: Image 0 copying the secondary slot to the primary slot: 0x1ff8 bytes\n" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world_spec spec = spec_overwrite_fast();
        struct device *d = pending(&spec, rows[i].size);

        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), rows[i].ops);
        assert_non_null(strstr(lines_of(d), rows[i].line));
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

/* B7 again: one unit more would be the request's swap_info. */
static void the_largest_image_leaves_the_trailer_alone_B7(void **state)
{
    struct world_spec spec = spec_overwrite_fast();
    struct device *d = pending(&spec, MAX_SIZE);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).swap_type, DFU_SWAP_NONE);
    confirm(d);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void the_whole_slot_is_copied_with_its_request(void **state)
{
    struct world_spec spec = spec_overwrite();
    struct device *d = pending(&spec, NEW_SIZE);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
    assert_int_equal(trailer(d, WORLD_PRI).swap_type, DFU_SWAP_TEST);
    assert_true(is_blank(d, WORLD_SEC, 0, 0x1000));
    assert_true(is_blank(d, WORLD_SEC, 0x3000, 0x1000));
    device_free(d);
}

/* Copying erased bytes would program the units that the application still needs. */
static void an_image_can_be_confirmed_after_a_whole_copy(void **state)
{
    struct world_spec spec = spec_overwrite();
    struct device *d = pending(&spec, NEW_SIZE);

    (void)state;
    assert_int_equal(start(d), NEW);
    confirm(d);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    assert_int_equal(d->world.sim.double_programs, 0);
    device_free(d);
}

static void is_at_rest(struct device *d)
{
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
}

/* The copy is made again until it is complete. */
static void a_copy_that_is_cut_is_made_again(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = fast ? spec_overwrite_fast() : spec_overwrite();
        struct device *d = pending(&spec, NEW_SIZE);

        check_after_every_cut(d, NEW, 19, is_at_rest);
        device_free(d);
    }
}

/* B6: power fails between the last two erases. */
static void a_request_left_over_from_a_finished_copy_is_cleared_B6(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world_spec spec = fast ? spec_overwrite_fast() : spec_overwrite();
        struct device *d = pending(&spec, NEW_SIZE);
        uint32_t count;

        assert_int_equal(start(d), NEW);
        count = d->last.ops;
        device_free(d);
        d = pending(&spec, NEW_SIZE);
        start_cut(d, DFU_SIM_CUT_BEFORE, count, 0);
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "E sec 3000\n");
        assert_int_equal(start(d), NEW);
        assert_string_equal(lines_of(d), "I: Image index: 0, Swap type: none\n");
        device_free(d);
    }
}

/* Nothing was copied here, so nothing is known about who asked: as MCUboot, leave it. */
static void a_request_on_an_empty_slot_stays(void **state)
{
    struct world_spec spec = spec_overwrite_fast();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void an_empty_primary_is_overwritten_on_request(void **state)
{
    struct world_spec spec = spec_overwrite_fast();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    request(d, false);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_example_is_followed_to_the_byte),
        cmocka_unit_test(the_largest_image_leaves_the_trailer_alone_B7),
        cmocka_unit_test(the_whole_slot_is_copied_with_its_request),
        cmocka_unit_test(an_image_can_be_confirmed_after_a_whole_copy),
        cmocka_unit_test(a_copy_that_is_cut_is_made_again),
        cmocka_unit_test(a_request_left_over_from_a_finished_copy_is_cleared_B6),
        cmocka_unit_test(a_request_on_an_empty_slot_stays),
        cmocka_unit_test(an_empty_primary_is_overwritten_on_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
