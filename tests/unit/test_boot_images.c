/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Several images: each upgraded for itself, all or none where they depend on each other, and
 * nothing lost when the power fails in the middle of the n-th. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/depend.h"
#include "dfu/err.h"
#include "scenario.h"

#define SIZE 0x1064u
#define BOTH 2

static struct device *device_with(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    for (uint8_t i = 0; i < d->world.map.image_count; i++) {
        put_image(d, boot_world_primary(i), OLD, SIZE);
        put_image(d, boot_world_secondary(i), NEW, SIZE);
    }
    return d;
}

static struct device *two_images(void)
{
    struct world_spec spec = spec_move_pairs(BOTH);

    return device_with(&spec);
}

static void assert_primaries(struct device *d, unsigned major)
{
    for (uint8_t i = 0; i < d->world.map.image_count; i++) {
        assert_int_equal(holds(d, boot_world_primary(i)), major);
    }
}

static void each_image_is_upgraded_confirmed_and_reverted_for_itself(void **state)
{
    struct world_spec spec = spec_move_pairs(WORLD_PAIRS);
    struct device *d = device_with(&spec);

    (void)state;
    request_image(d, 1, false);
    request_image(d, 2, false);
    request_image(d, 3, true);
    assert_int_equal(start(d), OLD); /* image 0 stays */
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_NONE);
    assert_int_equal(d->last.result.swap[1], DFU_SWAP_TEST);
    assert_int_equal(d->last.result.swap[2], DFU_SWAP_TEST);
    assert_int_equal(d->last.result.swap[3], DFU_SWAP_PERM);
    confirm_image(d, 1);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.swap[2], DFU_SWAP_REVERT);
    assert_int_equal(holds(d, WORLD_PRI1), NEW);
    assert_int_equal(holds(d, WORLD_PRI2), OLD);
    assert_int_equal(holds(d, WORLD_PRI3), NEW);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void a_broken_update_of_one_image_does_not_stop_the_other(void **state)
{
    struct device *d = two_images();

    (void)state;
    request_image(d, 0, false);
    request_image(d, 1, false);
    put_bytes(d, WORLD_SEC1, 100, "00");
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.update_err, DFU_ERR_VERIFY);
    assert_int_equal(d->last.result.update_image, 1);
    assert_int_equal(holds(d, WORLD_PRI1), OLD);
    device_free(d);
}

static void nothing_runs_while_one_of_the_images_is_broken(void **state)
{
    struct device *d = two_images();

    (void)state;
    put_bytes(d, WORLD_PRI1, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_VERIFY);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_int_equal(d->last.result.fault_image, 1);
    assert_null(d->last.result.area);
    device_free(d);
}

/* ---- Dependencies: T33 of MCUboot's simulator ---- */

enum need { NONE, CORRECT, NEWER, OLDER, ABSENT };

/* Version 1 runs, version 2 is offered: "correct" needs the one offered, "older" the one that
 * runs, "newer" one that nobody has. ABSENT: this image has no update. */
static void offer(struct device *d, uint8_t image, enum need need)
{
    static const uint8_t wanted[] = { [CORRECT] = NEW, [NEWER] = NEW + 1, [OLDER] = OLD };

    put_image(d, boot_world_primary(image), OLD, SIZE);
    if (need == ABSENT) {
        return;
    }
    if (need == NONE) {
        put_image(d, boot_world_secondary(image), NEW, SIZE);
    } else {
        put_image_needing(d, boot_world_secondary(image), NEW, SIZE, (uint8_t)(1 - image),
                          wanted[need]);
    }
    request_image(d, image, false);
}

static void dependency_combos_T33(void **state)
{
    static const struct {
        enum need need[2];
        unsigned runs[2];
    } rows[] = {
        { { NONE, NONE }, { NEW, NEW } },     { { CORRECT, CORRECT }, { NEW, NEW } },
        { { NEWER, NEWER }, { OLD, OLD } },   { { NEWER, CORRECT }, { OLD, OLD } },
        { { CORRECT, NEWER }, { OLD, OLD } }, { { NONE, ABSENT }, { NEW, OLD } },
        { { OLDER, ABSENT }, { NEW, OLD } },  { { NEWER, ABSENT }, { OLD, OLD } },
        { { ABSENT, NONE }, { OLD, NEW } },   { { ABSENT, OLDER }, { OLD, NEW } },
        { { ABSENT, NEWER }, { OLD, OLD } },  { { CORRECT, ABSENT }, { OLD, OLD } },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_with_pairs(*(const struct world_spec *)*state, BOTH);
        struct device *d = device_new(&spec);

        offer(d, 0, rows[i].need[0]);
        offer(d, 1, rows[i].need[1]);
        assert_int_equal(start(d), rows[i].runs[0]);
        assert_int_equal(holds(d, WORLD_PRI), rows[i].runs[0]);
        assert_int_equal(holds(d, WORLD_PRI1), rows[i].runs[1]);
        device_free(d);
    }
}

static void an_unmet_dependency_is_named_and_waits_for_the_other_image(void **state)
{
    struct device *d = two_images();
    struct dfu_boot_outlook outlook;

    (void)state;
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, NEW);
    request_image(d, 0, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_DEPENDS);
    assert_int_equal(d->last.result.update_image, 0);
    assert_string_equal(ops_of(d), ""); /* the request stays */
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), 0);
    assert_int_equal(outlook.asked, DFU_SWAP_TEST);
    assert_int_equal(outlook.swap, DFU_SWAP_NONE);
    assert_int_equal(outlook.update_err, DFU_ERR_DEPENDS);
    request_image(d, 1, false);
    for (uint8_t i = 0; i < BOTH; i++) {
        assert_int_equal(dfu_boot_look(&d->world.cfg, i, &outlook), 0);
        assert_int_equal(outlook.swap, DFU_SWAP_TEST);
    }
    assert_int_equal(start(d), NEW);
    assert_primaries(d, NEW);
    device_free(d);
}

static void a_dependency_on_an_image_that_does_not_exist_is_never_met(void **state)
{
    struct device *d = two_images();

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        put_image_needing(d, WORLD_SEC, NEW, SIZE, i == 0 ? BOTH : 0xff, OLD);
        if (i == 0) {
            request_image(d, 0, false);
        }
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->last.result.update_err, DFU_ERR_DEPENDS);
    }
    device_free(d);
}

/* Not even where something lies behind the places of those there are. */
static void what_lies_behind_the_last_image_meets_nothing(void **state)
{
    struct device *d = two_images();
    const struct swap_place places[] = { { &d->world.area[WORLD_SEC], 0 },
                                         { &d->world.area[boot_world_primary(1)], 0 },
                                         { &d->world.area[WORLD_PRI], 0 } };

    (void)state;
    put_image_needing(d, WORLD_SEC, NEW, SIZE, BOTH, OLD);
    assert_int_equal(depend_first_unmet(&d->world.cfg, places), 0);
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, OLD);
    assert_int_equal(depend_first_unmet(&d->world.cfg, places), BOTH);
    device_free(d);
}

static void every_dependency_of_an_image_counts_and_must_be_readable(void **state)
{
    static const uint8_t met[12] = { 1, 0, 0, 0, OLD }, unmet[12] = { 1, 0, 0, 0, NEW };
    static const struct {
        struct test_tlv first, second;
        unsigned runs;
    } rows[] = {
        { { DFU_TLV_DEPENDENCY, met, 12 }, { DFU_TLV_DEPENDENCY, met, 12 }, NEW },
        { { DFU_TLV_DEPENDENCY, met, 12 }, { DFU_TLV_DEPENDENCY, unmet, 12 }, OLD },
        { { DFU_TLV_DEPENDENCY, unmet, 12 }, { DFU_TLV_DEPENDENCY, met, 12 }, OLD },
        { { DFU_TLV_DEPENDENCY, met, 12 }, { DFU_TLV_DEPENDENCY, met, 11 }, OLD },
        { { DFU_TLV_DEPENDENCY, met, 11 }, { DFU_TLV_DEPENDENCY, met, 12 }, OLD },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device *d = two_images();
        struct test_recipe recipe = { .version = { .major = NEW },
                                      .prot = { rows[i].first, rows[i].second },
                                      .prot_count = 2 };

        put_recipe(d, WORLD_SEC, &recipe, SIZE);
        request_image(d, 0, false);
        assert_int_equal(start(d), rows[i].runs);
        device_free(d);
    }
}

/* What is read of a dependency, and of nothing else, is 12 bytes long. */
static int refuse_to_read_dependencies(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_sim_flash *sim = ctx;

    memcpy(buf, sim->mem + off, len);
    return len == 12 ? DFU_ERR_IO : DFU_OK;
}

static void a_dependency_that_cannot_be_read_is_not_met(void **state)
{
    struct device *d = two_images();
    const struct dfu_flash_ops *good = d->world.area[WORLD_SEC].ops;
    struct dfu_flash_ops ops = *good;

    (void)state;
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, OLD);
    request_image(d, 0, false);
    ops.read = refuse_to_read_dependencies;
    d->world.area[WORLD_SEC].ops = &ops;
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_DEPENDS);
    d->world.area[WORLD_SEC].ops = good;
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void a_swap_that_is_resumed_is_told_beside_an_update_that_must_wait(void **state)
{
    struct device *d = two_images();

    (void)state;
    put_image_needing(d, WORLD_SEC1, NEW, SIZE, 0, NEW + 1);
    request_image(d, 0, false);
    start_cut(d, DFU_SIM_CUT_AFTER, 20, 0);
    request_image(d, 1, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_TEST);
    assert_int_equal(d->last.result.resumed_images, 1);
    assert_int_equal(d->last.result.swap[1], DFU_SWAP_NONE);
    assert_int_equal(d->last.result.update_err, DFU_ERR_DEPENDS);
    assert_int_equal(d->last.result.update_image, 1);
    device_free(d);
}

static void a_revert_waits_too_where_the_other_image_needs_the_trial(void **state)
{
    struct device *d = two_images();

    (void)state;
    put_image_needing(d, WORLD_SEC1, NEW, SIZE, 0, NEW);
    request_image(d, 0, false);
    request_image(d, 1, true);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), NEW); /* image 1 is there for good and needs it */
    assert_int_equal(d->last.result.update_err, DFU_ERR_DEPENDS);
    assert_int_equal(holds(d, WORLD_PRI), NEW);
    device_free(d);
}

static void versions_are_compared_with_their_build_number_only_when_asked(void **state)
{
    static const struct dfu_image_version low = { 1, 2, 3, 4 }, high = { 1, 2, 3, 5 };

    (void)state;
    assert_int_equal(dfu_image_version_compare(&low, &high, false), 0);
    assert_int_equal(dfu_image_version_compare(&low, &high, true), -1);
}

static void put_build(struct device *d, enum world_place place, uint32_t build)
{
    struct test_recipe recipe = { .version = { .major = OLD, .build = build } };

    put_recipe(d, place, &recipe, SIZE);
}

/* Image 0 needs build 6 of image 1. */
static void a_dependency_looks_at_the_build_number_only_when_asked(void **state)
{
    static const uint8_t needs[12] = { 1, [4] = OLD, [8] = 6 };
    static const struct {
        uint32_t build;
        bool compares;
        unsigned runs;
    } rows[] = { { 5, false, NEW }, { 5, true, OLD }, { 6, true, NEW }, { 7, true, NEW } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device *d = two_images();
        struct test_recipe recipe = { .version = { .major = NEW },
                                      .prot = { { DFU_TLV_DEPENDENCY, needs, sizeof needs } },
                                      .prot_count = 1 };

        d->world.cfg.compare_build_number = rows[i].compares;
        put_recipe(d, WORLD_SEC, &recipe, SIZE);
        put_build(d, WORLD_PRI1, rows[i].build);
        request_image(d, 0, false);
        assert_int_equal(start(d), rows[i].runs);
        device_free(d);
    }
}

static void a_lower_build_number_is_a_downgrade_only_when_asked(void **state)
{
    static const struct {
        uint32_t build;
        bool compares;
        uint32_t runs;
    } rows[] = { { 4, false, 4 }, { 4, true, 5 }, { 5, true, 5 }, { 6, true, 6 } };

    (void)state;
    for (int overwrites = 0; overwrites < 2; overwrites++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct world_spec spec =
                overwrites ? spec_with_pairs(spec_overwrite_fast(), BOTH) : spec_move_pairs(BOTH);
            struct device *d;

            spec.prevent_downgrade = true;
            d = device_new(&spec);
            put_image(d, WORLD_PRI1, OLD, SIZE);
            d->world.cfg.compare_build_number = rows[i].compares;
            put_build(d, WORLD_PRI, 5);
            put_build(d, WORLD_SEC, rows[i].build);
            request_image(d, 0, false);
            assert_int_equal(start(d), OLD);
            assert_int_equal(d->last.result.header.version.build, rows[i].runs);
            device_free(d);
        }
    }
}

/* ---- Power ---- */

static void a_cut_in_image_n_leaves_the_other_images_alone(void **state)
{
    struct world_spec spec = spec_move_pairs(WORLD_PAIRS);
    struct device *d = device_with(&spec);
    uint32_t ops;

    (void)state;
    for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
        request_image(d, i, false);
    }
    assert_int_equal(start(d), NEW);
    ops = d->last.ops;
    device_free(d);
    for (uint32_t cut = 1; cut < ops; cut++) {
        d = device_with(&spec);
        for (uint8_t i = 0; i < WORLD_PAIRS; i++) {
            request_image(d, i, false);
        }
        start_cut(d, DFU_SIM_CUT_INSIDE, cut, cut);
        assert_int_equal(start(d), NEW);
        assert_primaries(d, NEW);
        assert_int_equal(start(d), OLD);
        assert_primaries(d, OLD);
        device_free(d);
    }
}

/* B11: with several images MCUboot prepares the first swap a second time, without a request that
 * a second cut could leave. */
static void a_request_survives_two_cuts_among_several_images_B11(void **state)
{
    (void)state;
    for (uint32_t first = 1; first <= 12; first++) {
        for (uint32_t second = 1; second <= 8; second++) {
            struct device *d = two_images();

            request_image(d, 0, false);
            request_image(d, 1, false);
            start_cut(d, DFU_SIM_CUT_AFTER, first, 0);
            start_cut(d, DFU_SIM_CUT_AFTER, second, 0);
            assert_int_equal(start(d), NEW);
            assert_primaries(d, NEW);
            device_free(d);
        }
    }
}

static void a_trial_that_has_not_run_yet_is_not_reverted_by_a_cut_in_the_next_image(void **state)
{
    struct device *d = two_images();
    uint32_t first_ops;

    (void)state;
    request_image(d, 0, false);
    assert_int_equal(start(d), NEW);
    first_ops = d->last.ops;
    device_free(d);
    d = two_images();
    request_image(d, 0, false);
    request_image(d, 1, false);
    start_cut(d, DFU_SIM_CUT_AFTER, first_ops + 12, 0);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.resumed_images, 1u << 1);
    assert_primaries(d, NEW);
    device_free(d);
}

static void an_empty_primary_is_filled_beside_an_upgrade_of_a_later_image(void **state)
{
    struct world_spec spec = spec_move_pairs(BOTH);
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = device_with(&spec);
    wipe(d, WORLD_PRI, 0, spec.areas[WORLD_PRI].size);
    request_image(d, 1, false);
    assert_int_equal(start(d), NEW);
    assert_primaries(d, NEW);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    device_free(d);
}

int main(void)
{
    static const struct scenario scenarios[] = { SCENARIO(dependency_combos_T33) };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_image_is_upgraded_confirmed_and_reverted_for_itself),
        cmocka_unit_test(a_broken_update_of_one_image_does_not_stop_the_other),
        cmocka_unit_test(nothing_runs_while_one_of_the_images_is_broken),
        cmocka_unit_test(an_unmet_dependency_is_named_and_waits_for_the_other_image),
        cmocka_unit_test(a_dependency_on_an_image_that_does_not_exist_is_never_met),
        cmocka_unit_test(what_lies_behind_the_last_image_meets_nothing),
        cmocka_unit_test(every_dependency_of_an_image_counts_and_must_be_readable),
        cmocka_unit_test(a_dependency_that_cannot_be_read_is_not_met),
        cmocka_unit_test(a_swap_that_is_resumed_is_told_beside_an_update_that_must_wait),
        cmocka_unit_test(a_revert_waits_too_where_the_other_image_needs_the_trial),
        cmocka_unit_test(versions_are_compared_with_their_build_number_only_when_asked),
        cmocka_unit_test(a_dependency_looks_at_the_build_number_only_when_asked),
        cmocka_unit_test(a_lower_build_number_is_a_downgrade_only_when_asked),
        cmocka_unit_test(a_cut_in_image_n_leaves_the_other_images_alone),
        cmocka_unit_test(a_request_survives_two_cuts_among_several_images_B11),
        cmocka_unit_test(a_trial_that_has_not_run_yet_is_not_reverted_by_a_cut_in_the_next_image),
        cmocka_unit_test(an_empty_primary_is_filled_beside_an_upgrade_of_a_later_image),
    };

    return run_scenarios("scenarios", scenarios, 1) + cmocka_run_group_tests(tests, NULL, NULL);
}
