/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What MCUboot's own simulator does not try (bootloader spec 9.4), where no other test of this
 * folder is named after it. docs/MCUBOOT.md, "What MCUboot's tests leave out", has them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "each_mode.h"

#define PAIR_OLD_SIZE 0x1064u
#define PAIR_NEW_SIZE 0x11f4u

static make_spec *const swaps[] = { spec_move, spec_offset, spec_scratch };

static struct world_spec with_pairs(make_spec *make, uint8_t pairs)
{
    struct world_spec spec = make();

    for (uint8_t i = 1; i < pairs; i++) {
        spec.areas[boot_world_primary(i)] = spec.areas[WORLD_PRI];
        spec.areas[boot_world_secondary(i)] = spec.areas[WORLD_SEC];
    }
    return spec;
}

static void put_at(struct device *d, enum world_place place, uint8_t major, uint32_t size)
{
    struct test_recipe recipe = { .version = { .major = major } };

    put_recipe(d, place, &recipe, size);
}

/* Every image has an update, and all are asked for. */
static struct device *all_pending(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    for (uint8_t i = 0; i < d->world.map.image_count; i++) {
        put_at(d, boot_world_primary(i), OLD, PAIR_OLD_SIZE);
        put_at(d, boot_world_secondary(i), NEW, PAIR_NEW_SIZE);
        request_image(d, i, false);
    }
    return d;
}

static unsigned held_by_secondary(struct device *d, uint8_t image)
{
    enum world_place place = boot_world_secondary(image);
    unsigned major = holds(d, place);

    return major ? major : holds_at(d, place, update_off(d));
}

static void assert_all_run(struct device *d, unsigned major)
{
    for (uint8_t i = 0; i < d->world.map.image_count; i++) {
        assert_int_equal(holds(d, boot_world_primary(i)), major);
        assert_int_equal(held_by_secondary(d, i), OLD + NEW - major);
    }
}

static bool is_trial_over(struct device *d)
{
    for (uint8_t i = 0; i < d->world.map.image_count; i++) {
        if (trailer(d, boot_world_primary(i)).copy_done == DFU_FLAG_UNSET) {
            return false;
        }
    }
    return true;
}

static uint8_t *keep(const struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    return kept;
}

/* The next start, cut before every operation and inside it in two ways; afterwards all images are
 * those of the version, and go back if they were on trial. */
static void survives_every_cut(struct device *d, unsigned major)
{
    uint8_t *kept = keep(d);
    uint32_t ops;

    assert_int_equal(start(d), major);
    assert_all_run(d, major);
    ops = d->last.ops;
    for (uint32_t op = 1; op <= ops; op++) {
        for (uint64_t tear = 0; tear < 3; tear++) {
            unsigned right = major;

            boot_world_restore(&d->world, kept);
            start_cut(d, tear == 0 ? DFU_SIM_CUT_BEFORE : DFU_SIM_CUT_INSIDE, op, tear);
            if (is_trial_over(d)) {
                right = OLD; /* copy_done was begun: that was its start */
            }
            assert_int_equal(start(d), right);
            assert_all_run(d, right);
            assert_int_equal(start(d), OLD);
            assert_all_run(d, OLD);
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
        }
    }
    boot_world_restore(&d->world, kept);
    free(kept);
}

static void upgrade_and_revert_survive_every_cut(const struct world_spec *spec)
{
    struct device *d = all_pending(spec);

    survives_every_cut(d, NEW);
    assert_int_equal(start(d), NEW);
    survives_every_cut(d, OLD);
    device_free(d);
}

static void swaps_with_units_of_32_bytes_survive_every_torn_operation(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct world_spec spec = make();

        spec.max_align = 32;
        spec.max_sectors = 8;
        for (enum world_place place = WORLD_PRI; place <= WORLD_SCR; place++) {
            spec.areas[place].write_size = 32;
        }
        upgrade_and_revert_survive_every_cut(&spec);
    }
}

static void two_images_survive_every_torn_operation_in_every_swap(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct world_spec spec = with_pairs(make, 2);

        upgrade_and_revert_survive_every_cut(&spec);
    }
}

static void four_images_survive_every_torn_operation_in_every_swap(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct world_spec spec = with_pairs(make, WORLD_PAIRS);

        upgrade_and_revert_survive_every_cut(&spec);
    }
}

/* Power fails at the copy_done of the first image, whose cells then refuse it. */
static void refuse_first_copy_done(struct device *d)
{
    uint8_t *kept = keep(d);
    struct dfu_trailer at;
    uint32_t off, op = 0;

    assert_int_equal(dfu_slot_trailer(&d->world.map, &d->world.area[WORLD_PRI], &at), 0);
    off = d->world.area[WORLD_PRI].base + at.copy_done;
    assert_int_equal(start(d), NEW);
    while (d->journal.ops[op].kind != DFU_SIM_WRITE || d->journal.ops[op].off != off) {
        op++;
    }
    boot_world_restore(&d->world, kept);
    start_cut(d, DFU_SIM_CUT_BEFORE, op + 1, 0);
    d->world.sim.programmed[off / d->world.sim.write_size / 8] |=
        (uint8_t)(1u << off / d->world.sim.write_size % 8);
    free(kept);
}

static void a_trial_of_two_images_ends_for_both_though_copy_done_refuses(void **state)
{
    (void)state;
    EACH(swaps, make)
    {
        struct world_spec spec = with_pairs(make, 2);
        struct device *d = all_pending(&spec);
        uint8_t *kept;
        uint32_t ops;

        refuse_first_copy_done(d);
        kept = keep(d);
        assert_int_equal(start(d), NEW);
        ops = d->last.ops;
        for (uint32_t op = 1; op <= ops; op++) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
            if (trailer(d, WORLD_PRI1).copy_done == DFU_FLAG_UNSET) {
                assert_int_equal(start(d), NEW);
                assert_all_run(d, NEW);
            }
            assert_int_equal(start(d), OLD);
            assert_all_run(d, OLD);
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
        }
        free(kept);
        device_free(d);
    }
}

/* Wherever that was cut, both trailers are then whole: the application can confirm, and ask again. */
static void a_trial_of_two_images_can_be_confirmed_though_copy_done_refuses(void **state)
{
    struct world_spec spec = with_pairs(spec_move, 2);
    struct device *d = all_pending(&spec);
    uint8_t *kept;

    (void)state;
    refuse_first_copy_done(d);
    kept = keep(d);
    for (uint32_t op = 1; op <= 12; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), NEW);
        confirm_image(d, 0);
        confirm_image(d, 1);
        assert_int_equal(start(d), NEW);
        assert_all_run(d, NEW);
        assert_string_equal(ops_of(d), "");
        request_image(d, 0, false);
        assert_int_equal(start(d), OLD);
    }
    free(kept);
    device_free(d);
}

/* ---- Flash that fails ---- */

/* One at a time: cmocka runs tests one after the other. */
static struct {
    const struct dfu_flash_ops *real;
    uint32_t from, to; /* of the device */
    bool reads, writes;
} bad;

static bool is_bad(uint32_t off, size_t len)
{
    return off + len > bad.from && off < bad.to;
}

static int bad_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    return bad.reads && is_bad(off, len) ? DFU_ERR_IO : bad.real->read(ctx, off, buf, len);
}

static int bad_write(void *ctx, uint32_t off, const void *data, size_t len)
{
    return bad.writes && is_bad(off, len) ? DFU_ERR_IO : bad.real->write(ctx, off, data, len);
}

static void spoil(struct device *d, struct dfu_flash_ops *ops, uint32_t from, uint32_t to)
{
    bad.real = d->world.area[WORLD_PRI].ops;
    bad.from = from;
    bad.to = to;
    *ops = *bad.real;
    ops->read = bad_read;
    ops->write = bad_write;
    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        if (d->world.area[place].ops) {
            d->world.area[place].ops = ops;
        }
    }
}

static void repair(struct device *d)
{
    for (enum world_place place = WORLD_PRI; place < WORLD_PLACES; place++) {
        if (d->world.area[place].ops) {
            d->world.area[place].ops = bad.real;
        }
    }
}

static bool is_one_each(struct device *d, unsigned runs)
{
    return (runs == OLD || runs == NEW) && held_by_secondary(d, 0) == OLD + NEW - runs;
}

/* Half a swap, then a start or two while a stretch of flash fails: what then runs is verified, or
 * nothing does; and once flash works again no image is lost. */
static void failing_flash_loses_no_image(make_spec *make, uint32_t op, bool reads, bool writes)
{
    struct world_spec spec = make();
    struct device *d = all_pending(&spec);
    uint32_t size = d->world.sim.size, step = 0x400;
    struct dfu_flash_ops ops;
    uint8_t *kept;

    if (op > 0) {
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
    }
    kept = keep(d);
    for (uint32_t from = 0; from < size; from += step) {
        boot_world_restore(&d->world, kept);
        bad.reads = reads;
        bad.writes = writes;
        spoil(d, &ops, from, from + step);
        for (int i = 0; i < 2; i++) {
            unsigned runs = start(d);

            assert_true(runs == 0 || runs == OLD || runs == NEW);
            assert_true(d->last.err == DFU_OK || d->last.err == DFU_ERR_VERIFY);
        }
        repair(d);
        for (int i = 0; i < 3; i++) {
            assert_true(is_one_each(d, start(d)));
        }
    }
    free(kept);
    device_free(d);
}

static void read_errors_anywhere_lose_no_image(void **state)
{
    static const uint32_t cuts[] = { 0, 3, 9, 15, 21, 27 };

    (void)state;
    EACH(swaps, make)
    {
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            failing_flash_loses_no_image(make, cuts[i], true, false);
        }
    }
}

static void write_errors_anywhere_lose_no_image(void **state)
{
    static const uint32_t cuts[] = { 0, 3, 9, 15, 21, 27 };

    (void)state;
    EACH(swaps, make)
    {
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            failing_flash_loses_no_image(make, cuts[i], false, true);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swaps_with_units_of_32_bytes_survive_every_torn_operation),
        cmocka_unit_test(two_images_survive_every_torn_operation_in_every_swap),
        cmocka_unit_test(four_images_survive_every_torn_operation_in_every_swap),
        cmocka_unit_test(a_trial_of_two_images_ends_for_both_though_copy_done_refuses),
        cmocka_unit_test(a_trial_of_two_images_can_be_confirmed_though_copy_done_refuses),
        cmocka_unit_test(read_errors_anywhere_lose_no_image),
        cmocka_unit_test(write_errors_anywhere_lose_no_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
