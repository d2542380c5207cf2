/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Direct-XIP and RAM load: which slot runs, and from where; what is never run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/update.h"
#include "scenario.h"

#define SIZE          0x1064u
#define SLOT          0x4000u
#define PAIRS         2
#define FACTORY_MARKS true, true /* runs now, and is confirmed */

static struct device *with_both_on(const struct world_spec *spec)
{
    struct device *d = device_new(spec);
    bool in_ram = spec->mode == DFU_MODE_RAM_LOAD || spec->mode == DFU_MODE_RAM_LOAD_REVERT;

    for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
        if (in_ram) {
            put_image_for_ram(d, place, place == WORLD_PRI ? OLD : NEW, SIZE,
                              WORLD_RAM_ADDR + 0x100);
        } else {
            put_image(d, place, place == WORLD_PRI ? OLD : NEW, SIZE);
        }
    }
    return d;
}

static struct device *with_both(enum dfu_boot_mode mode)
{
    struct world_spec spec = spec_equal(mode, true);

    return with_both_on(&spec);
}

static void mark(struct device *d, enum world_place place, bool active, bool confirm)
{
    dfu_sim_flash_power_on(&d->world.sim);
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[place], active, confirm), 0);
}

/* A device whose old image was confirmed in the factory, and whose new one is asked for. */
static struct device *with_trial(enum dfu_boot_mode mode)
{
    struct device *d = with_both(mode);

    mark(d, WORLD_PRI, FACTORY_MARKS);
    mark(d, WORLD_SEC, false, false);
    return d;
}

static unsigned slot_of(const struct device *d)
{
    return d->last.result.places[0].slot;
}

static const enum dfu_boot_mode all_modes[] = { DFU_MODE_DIRECT_XIP, DFU_MODE_DIRECT_XIP_REVERT,
                                                DFU_MODE_RAM_LOAD, DFU_MODE_RAM_LOAD_REVERT };
static const enum dfu_boot_mode reverting_modes[] = { DFU_MODE_DIRECT_XIP_REVERT,
                                                      DFU_MODE_RAM_LOAD_REVERT };

/* ---- Which one ---- */

static void direct_xip_first_T16(void **state)
{
    struct device *d = with_both_on(*state);

    assert_int_equal(start(d), NEW);
    assert_ptr_equal(d->last.result.area, &d->world.area[WORLD_SEC]);
    assert_int_equal(slot_of(d), 1);
    assert_null(d->last.result.places[0].ram);
    assert_string_equal(ops_of(d), "");
    assert_string_equal(lines_of(d), "I: Primary   slot: version=1.0.0+0\n"
                                     "I: Secondary slot: version=2.0.0+0\n"
                                     "I: Image 0 loaded from the secondary slot\n");
    device_free(d);
}

static void of_two_builds_the_higher_runs_only_when_asked(void **state)
{
    (void)state;
    for (int compares = 0; compares < 2; compares++) {
        struct device *d = with_both(DFU_MODE_DIRECT_XIP);

        d->world.cfg.compare_build_number = compares != 0;
        for (enum world_place place = WORLD_PRI; place <= WORLD_SEC; place++) {
            struct test_recipe recipe = {
                .version = { .major = OLD, .build = place == WORLD_PRI ? 4 : 5 },
            };

            put_recipe(d, place, &recipe, SIZE);
        }
        assert_int_equal(start(d), OLD);
        assert_int_equal(slot_of(d), compares);
        device_free(d);
    }
}

/* ---- Trials ---- */

static void an_image_that_is_never_confirmed_has_one_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        assert_int_equal(start(d), OLD);
        assert_true(is_blank(d, WORLD_SEC, 0, SLOT));
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void an_image_that_is_confirmed_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        mark(d, WORLD_SEC, true, true);
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void the_last_image_is_not_erased_for_want_of_a_confirmation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverting_modes / sizeof reverting_modes[0]; i++) {
        struct device *d = with_trial(reverting_modes[i]);

        assert_int_equal(start(d), NEW);
        put_bytes(d, WORLD_PRI, 100, "00"); /* nothing to go back to */
        assert_int_equal(start(d), NEW);
        assert_non_null(strstr(lines_of(d), "W: Image 0 in the secondary slot was not confirmed, "
                                            "but there is no other to run\n"));
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

/* B3 where images run in place. */
static void a_torn_copy_done_still_gives_one_start_and_no_more_B3(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct device *d = with_trial(DFU_MODE_DIRECT_XIP_REVERT);

        start_cut(d, DFU_SIM_CUT_INSIDE, 1, seed);
        (void)start(d); /* the new image, or the old one where nothing but a start could be noted */
        assert_int_equal(d->last.err, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(start(d), OLD);
        device_free(d);
    }
}

static void a_torn_confirmation_leaves_an_image_to_run(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct device *d = with_trial(DFU_MODE_DIRECT_XIP_REVERT);

        assert_int_equal(start(d), NEW);
        wipe(d, WORLD_PRI, 0, SLOT); /* an upload has begun there */
        dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_INSIDE, 1, seed);
        assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_SEC], true, true),
                         DFU_ERR_POWER);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

/* ---- What is wrong ---- */

static void both_slots_invalid_end_without_an_image_and_without_a_jump(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        struct device *d = with_trial(all_modes[i]);

        put_bytes(d, WORLD_PRI, 100, "00");
        put_bytes(d, WORLD_SEC, 100, "00");
        assert_int_equal(start(d), 0);
        assert_int_equal(d->last.err, DFU_ERR_VERIFY);
        assert_null(d->last.result.area);
        assert_non_null(strstr(lines_of(d), "I: No slot to load for image 0\n"));
        assert_true(ram_is_blank(d));
        device_free(d);
    }
}

static void a_damaged_trailer_never_keeps_the_other_slot_from_running(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        for (uint32_t off = SLOT - 48; off < SLOT; off++) {
            struct device *d = with_trial(all_modes[i]);

            wipe(d, WORLD_SEC, off, 1);
            put_bytes(d, WORLD_SEC, off, "5a");
            (void)start(d);
            assert_int_equal(d->last.err, 0);
            (void)start(d);
            assert_int_equal(d->last.err, 0);
            device_free(d);
        }
    }
}

static void lengths_that_lie_are_never_followed(void **state)
{
    static const struct {
        uint32_t off;
        const char *bytes;
    } rows[] = {
        { 8, "ffff" },      /* header size */
        { 8, "0000" },      /* the same */
        { 10, "ffff" },     /* protected TLVs */
        { 12, "ffffffff" }, /* payload */
        { 12, "00000080" }, /* the same */
        { 12, "e03f0000" }, /* up to the slot's end */
        { 16, "04000000" }, /* flags: encrypted */
        { 16, "00020000" }, /* compressed */
    };

    (void)state;
    for (size_t i = 0; i < sizeof all_modes / sizeof all_modes[0]; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            struct device *d = with_trial(all_modes[i]);

            wipe(d, WORLD_SEC, rows[j].off, (uint32_t)strlen(rows[j].bytes) / 2);
            put_bytes(d, WORLD_SEC, rows[j].off, rows[j].bytes);
            assert_int_equal(start(d), OLD);
            assert_int_equal(holds(d, WORLD_SEC) == 0, j == 1); /* a header size below 32 */
            assert_non_null(strstr(lines_of(d), "I: Image 0 secondary slot: image not found\n"));
            assert_string_equal(ops_of(d), ""); /* what is no image is left alone */
            assert_int_equal(start(d), OLD);
            device_free(d);
        }
    }
}

/* All of a slot but its header and its trailer, or everything. */
static uint32_t readable_from, readable_to;

static int refuse_to_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_sim_flash *sim = ctx;

    if (off % SLOT >= readable_to && off % SLOT + len <= readable_from) {
        return DFU_ERR_IO;
    }
    memcpy(buf, sim->mem + off, len);
    return DFU_OK;
}

static void a_slot_that_cannot_be_read_is_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof all_modes / sizeof all_modes[0]; i++) {
        struct device *d = with_both(all_modes[i / 2]);
        const struct dfu_flash_ops *good = d->world.area[WORLD_SEC].ops;
        struct dfu_flash_ops ops = *good;

        readable_to = i % 2 == 0 ? 0 : 64;
        readable_from = i % 2 == 0 ? SLOT : SLOT - 64;

        mark(d, WORLD_PRI, FACTORY_MARKS);
        mark(d, WORLD_SEC, FACTORY_MARKS);
        ops.read = refuse_to_read;
        d->world.area[WORLD_SEC].ops = &ops;
        assert_int_equal(start(d), OLD);
        d->world.area[WORLD_SEC].ops = good;
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

/* Whether its image is on trial cannot be known, so another one runs, and nothing is erased. */
static void a_trailer_that_cannot_be_read_keeps_its_image_and_starts_another(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_DIRECT_XIP_REVERT,
                                                DFU_MODE_RAM_LOAD_REVERT };

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct device *d = with_both(modes[i]);
        const struct dfu_flash_ops *good = d->world.area[WORLD_SEC].ops;
        struct dfu_flash_ops ops = *good;
        struct dfu_boot_outlook outlook;

        readable_to = SLOT - 64;
        readable_from = SLOT;
        mark(d, WORLD_PRI, FACTORY_MARKS);
        mark(d, WORLD_SEC, FACTORY_MARKS);
        ops.read = refuse_to_read;
        d->world.area[WORLD_SEC].ops = &ops;
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), DFU_ERR_IO);
        d->world.area[WORLD_SEC].ops = good;
        d->world.area[WORLD_PRI].ops = &ops;
        assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), DFU_ERR_IO);
        d->world.area[WORLD_PRI].ops = good;
        assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), DFU_OK);
        assert_int_equal(start(d), NEW);
        device_free(d);
    }
}

static void without_the_right_key_nothing_runs(void **state)
{
    struct device *d = with_both(DFU_MODE_DIRECT_XIP);

    (void)state;
    d->world.cfg.policy.hash_only = false; /* and no keys */
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_INVAL);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* ---- Several images ---- */

static void an_unmet_dependency_falls_back_to_the_older_image(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d;

    (void)state;
    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, NEW);
    put_image(d, WORLD_PRI1, OLD, SIZE);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    put_image(d, WORLD_SEC1, NEW, SIZE);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->last.result.places[1].slot, 1);
    put_bytes(d, WORLD_SEC1, 100, "00"); /* what the new image needs turns out to be broken */
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.places[1].slot, 0);
    device_free(d);
}

static void a_dependency_that_nobody_meets_ends_the_choice(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d;

    (void)state;
    spec.areas[WORLD_PRI1] = spec.areas[WORLD_PRI];
    spec.areas[WORLD_SEC1] = spec.areas[WORLD_SEC];
    d = device_new(&spec);
    put_image_needing(d, WORLD_PRI, OLD, SIZE, 1, NEW);
    put_image_needing(d, WORLD_SEC, NEW, SIZE, 1, NEW);
    put_image(d, WORLD_PRI1, OLD, SIZE);
    assert_int_equal(start(d), 0);
    assert_non_null(strstr(lines_of(d), "I: No slot to load for image 0\n"));
    device_free(d);
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO_IN(IN_DIRECT_XIP, direct_xip_first_T16),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_builds_the_higher_runs_only_when_asked),
        cmocka_unit_test(an_image_that_is_never_confirmed_has_one_start),
        cmocka_unit_test(an_image_that_is_confirmed_stays),
        cmocka_unit_test(the_last_image_is_not_erased_for_want_of_a_confirmation),
        cmocka_unit_test(a_torn_copy_done_still_gives_one_start_and_no_more_B3),
        cmocka_unit_test(a_torn_confirmation_leaves_an_image_to_run),
        cmocka_unit_test(both_slots_invalid_end_without_an_image_and_without_a_jump),
        cmocka_unit_test(a_damaged_trailer_never_keeps_the_other_slot_from_running),
        cmocka_unit_test(lengths_that_lie_are_never_followed),
        cmocka_unit_test(a_slot_that_cannot_be_read_is_left_alone),
        cmocka_unit_test(a_trailer_that_cannot_be_read_keeps_its_image_and_starts_another),
        cmocka_unit_test(without_the_right_key_nothing_runs),
        cmocka_unit_test(an_unmet_dependency_falls_back_to_the_older_image),
        cmocka_unit_test(a_dependency_that_nobody_meets_ends_the_choice),
    };

    return run_scenarios("scenarios", scenarios, 1) + cmocka_run_group_tests(tests, NULL, NULL);
}
