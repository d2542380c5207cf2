/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Defects of MCUboot in the modes that swap, by the names they have in docs/DESIGN.md: what it
 * loses, we keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

#define SECTOR 0x1000u

static struct world_area_spec sectors(uint32_t count)
{
    return (struct world_area_spec){
        .size = count * SECTOR, .write_size = 8, .runs = { { SECTOR, count } }, .run_count = 1
    };
}

static struct world_spec spec_for(enum dfu_boot_mode mode)
{
    struct world_spec spec = spec_equal(mode, true);

    spec.max_sectors = 8;
    if (mode == DFU_MODE_SWAP_OFFSET) {
        spec.areas[WORLD_SEC] = sectors(5);
    }
    if (mode == DFU_MODE_SWAP_MOVE) {
        spec.areas[WORLD_PRI] = sectors(5);
    }
    if (mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_SCR] = sectors(1);
    }
    return spec;
}

static struct device *updated(const struct world_spec *spec, uint32_t old_size, uint32_t new_size)
{
    struct device *d = device_new(spec);

    if (old_size > 0) {
        put_image(d, WORLD_PRI, OLD, old_size);
    }
    put_image(d, WORLD_SEC, NEW, new_size);
    return d;
}

/* The number of the operation that wrote the n-th status record of the primary. */
static uint32_t op_of_record(struct device *d, uint32_t n)
{
    struct dfu_trailer at = fields_of(d, WORLD_PRI);
    uint32_t off = d->world.area[WORLD_PRI].base + at.status + n * at.status_stride;

    for (size_t i = 0; i < d->journal.count; i++) {
        if (d->journal.ops[i].kind == DFU_SIM_WRITE && d->journal.ops[i].off == off) {
            return (uint32_t)i + 1;
        }
    }
    fail_msg("record %u was not written", (unsigned)n);
    return 0;
}

static uint32_t ops_of_upgrade(const struct world_spec *spec, uint32_t old_size, uint32_t new_size)
{
    struct device *d = updated(spec, old_size, new_size);
    uint32_t ops;

    request(d, false);
    assert_int_equal(start(d), NEW);
    ops = (uint32_t)d->journal.count;
    device_free(d);
    return ops;
}

static void b1_a_cut_in_the_last_operation_keeps_the_end_of_a_longer_old_image(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_OFFSET);
    uint32_t ops = ops_of_upgrade(&spec, 3 * SECTOR, 1200);

    (void)state;
    for (uint32_t op = 1; op <= ops; op++) {
        struct device *d = updated(&spec, 3 * SECTOR, 1200);

        request(d, false);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), NEW);
        assert_int_equal(holds_at(d, WORLD_SEC, 0), OLD);
        assert_int_equal(start(d), OLD);
        device_free(d);
    }
}

/* Scratch is erased once the first operation is recorded; torn, the data may be gone and its
 * trailer not. */
static void b2_what_a_torn_erase_left_in_scratch_is_not_copied_again(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_SCRATCH);
    struct device *d = updated(&spec, 15500, 16000);
    uint32_t recorded;

    (void)state;
    request(d, false);
    assert_int_equal(start(d), NEW);
    recorded = op_of_record(d, 2);
    device_free(d);

    d = updated(&spec, 15500, 16000);
    request(d, false);
    start_cut(d, DFU_SIM_CUT_AFTER, recorded, 0);
    assert_int_equal(trailer(d, WORLD_SCR).magic, DFU_MAGIC_GOOD);
    wipe(d, WORLD_SCR, 0, SECTOR / 2);
    assert_int_equal(start(d), NEW);
    assert_int_equal(holds(d, WORLD_SEC), OLD);
    assert_int_equal(start(d), OLD);
    assert_int_equal(holds(d, WORLD_SEC), NEW);
    device_free(d);
}

static void b3_a_torn_copy_done_still_reverts_in_every_mode_that_swaps(void **state)
{
    static const enum dfu_boot_mode modes[] = { DFU_MODE_SWAP_MOVE, DFU_MODE_SWAP_OFFSET,
                                                DFU_MODE_SWAP_SCRATCH };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world_spec spec = spec_for(modes[i]);
        struct device *d = updated(&spec, 5000, 6000);

        request(d, false);
        assert_int_equal(start(d), NEW);
        put_bytes(d, WORLD_PRI, fields_of(d, WORLD_PRI).copy_done, "0f");
        assert_int_equal(start(d), OLD);
        assert_int_equal(start(d), OLD);
        device_free(d);
    }
}

static void b4_a_swap_with_an_offset_without_room_changes_nothing(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_OFFSET);
    struct device *d;

    (void)state;
    spec.validate_primary = false;
    d = updated(&spec, 3 * SECTOR + 1, 1200);
    request(d, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->journal.count, 0);
        assert_int_equal(d->last.result.update_err, DFU_ERR_NOSPACE);
    }
    device_free(d);
}

static void b5_an_empty_primary_filled_with_scratch_has_a_whole_trailer(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_SCRATCH);
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = updated(&spec, 0, 6000);
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_SET);
    assert_int_equal(d->world.sim.double_programs, 0);
    assert_int_equal(start(d), NEW);
    assert_int_equal(d->journal.count, 0);
    device_free(d);
}

/* A cut after a record, and an earlier record that reads erased. */
static struct device *with_a_gap(enum dfu_boot_mode mode, uint32_t last, uint32_t missing)
{
    struct world_spec spec = spec_for(mode);
    struct device *d = updated(&spec, 9000, 10000);
    struct dfu_trailer at = fields_of(d, WORLD_PRI);
    uint32_t op;

    request(d, false);
    assert_int_equal(start(d), NEW);
    op = op_of_record(d, last);
    device_free(d);
    d = updated(&spec, 9000, 10000);
    request(d, false);
    start_cut(d, DFU_SIM_CUT_AFTER, op, 0);
    wipe(d, WORLD_PRI, at.status + missing * at.status_stride, at.status_stride);
    return d;
}

static void expect_a_reported_gap(struct device *d)
{
    assert_int_equal(start(d), NEW);
    assert_non_null(strstr(lines_of(d), "E: Detected inconsistent status!"));
    assert_int_equal(holds_at(d, WORLD_SEC, 0), OLD);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

static void b10_a_gap_in_the_records_of_a_swap_with_an_offset_is_reported(void **state)
{
    (void)state;
    expect_a_reported_gap(with_a_gap(DFU_MODE_SWAP_OFFSET, 3, 2));
}

static void n1_a_gap_in_the_records_of_a_swap_with_scratch_does_not_lose_the_primary(void **state)
{
    (void)state;
    expect_a_reported_gap(with_a_gap(DFU_MODE_SWAP_SCRATCH, 4, 2));
}

/* Trailers of several sectors: of the first one, only what fits scratch is copied. */
static void b12_the_first_records_lie_where_the_status_begins(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_SCRATCH);
    const struct world_area_spec small = {
        .size = 12 * 1024, .write_size = 8, .runs = { { 1024, 12 } }, .run_count = 1
    };
    const struct world_area_spec scratch = {
        .size = 1024, .write_size = 8, .runs = { { 1024, 1 } }, .run_count = 1
    };
    struct device *d;

    (void)state;
    spec.max_sectors = 128;
    spec.areas[WORLD_PRI] = spec.areas[WORLD_SEC] = small;
    spec.areas[WORLD_SCR] = scratch;
    d = updated(&spec, 8444, 9100);
    request(d, false);
    assert_int_equal(start(d), NEW);
    for (uint32_t n = 0; n < 3; n++) {
        struct dfu_trailer at = fields_of(d, WORLD_PRI);

        assert_int_equal(boot_world_bytes(&d->world, WORLD_PRI)[at.status + n * at.status_stride],
                         n + 1);
    }
    device_free(d);
}

/* Two clean cuts, in the revert and in the start after it. */
static void survive_two_cuts_in_a_revert(enum dfu_boot_mode mode)
{
    struct world_spec spec = spec_for(mode);
    struct device *d = updated(&spec, 700, 600);
    uint8_t *trial = malloc(d->world.state_size);
    uint8_t *cut = malloc(d->world.state_size);
    uint32_t ops;

    assert_non_null(trial);
    assert_non_null(cut);
    request(d, false);
    assert_int_equal(start(d), NEW);
    boot_world_keep(&d->world, trial);
    assert_int_equal(start(d), OLD);
    ops = (uint32_t)d->journal.count;
    for (uint32_t a = 1; a <= ops; a++) {
        uint32_t left;

        boot_world_restore(&d->world, trial);
        start_cut(d, DFU_SIM_CUT_BEFORE, a, 0);
        boot_world_keep(&d->world, cut);
        assert_int_equal(start(d), OLD);
        left = (uint32_t)d->journal.count;
        for (uint32_t b = 1; b <= left; b++) {
            boot_world_restore(&d->world, cut);
            start_cut(d, DFU_SIM_CUT_BEFORE, b, 0);
            assert_int_equal(start(d), OLD);
            assert_int_equal(start(d), OLD);
        }
    }
    free(trial);
    free(cut);
    device_free(d);
}

static void b13_a_revert_with_an_offset_survives_any_two_cuts(void **state)
{
    (void)state;
    survive_two_cuts_in_a_revert(DFU_MODE_SWAP_OFFSET);
}

static void b14_a_revert_with_scratch_survives_any_two_cuts(void **state)
{
    (void)state;
    survive_two_cuts_in_a_revert(DFU_MODE_SWAP_SCRATCH);
}

/* What MCUboot leaves when it prepares the revert a second time: both trailers ask, the primary
 * has records. */
static void b13_a_revert_that_mcuboot_prepared_twice_is_finished(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_OFFSET);
    struct device *d = updated(&spec, 700, 600);
    uint32_t recorded;

    (void)state;
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    recorded = op_of_record(d, 0);
    device_free(d);

    d = updated(&spec, 700, 600);
    request(d, false);
    assert_int_equal(start(d), NEW);
    start_cut(d, DFU_SIM_CUT_AFTER, recorded + 1, 0); /* the primary's only sector is erased */
    dfu_sim_flash_power_on(&d->world.sim);
    put_bytes(d, WORLD_SEC, fields_of(d, WORLD_SEC).copy_done, "01");
    put_bytes(d, WORLD_SEC, fields_of(d, WORLD_SEC).swap_info, "04");
    assert_int_equal(dfu_trailer_write_magic(&d->world.map, &d->world.area[WORLD_SEC]), 0);
    assert_int_equal(start(d), OLD);
    assert_true(d->last.result.resumed);
    device_free(d);
}

static void n2_what_fills_an_empty_primary_has_nothing_to_go_back_to(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_OFFSET);
    struct device *d;

    (void)state;
    spec.bootstrap = true;
    d = updated(&spec, 0, 6000);
    request(d, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(d), NEW);
        assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    }
    device_free(d);
}

/* The group of two sectors that ends at 0x3000 would begin in the middle of the secondary's first. */
static void n3_larger_sectors_in_the_secondary_lose_no_image(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_SCRATCH);
    struct device *d;

    (void)state;
    spec.areas[WORLD_SEC].runs[0] = (struct dfu_sector_run){ 2 * SECTOR, 1 };
    spec.areas[WORLD_SEC].runs[1] = (struct dfu_sector_run){ SECTOR, 2 };
    spec.areas[WORLD_SEC].run_count = 2;
    spec.areas[WORLD_SCR] = sectors(2);
    d = updated(&spec, 8892, 4396);
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(holds(d, WORLD_SEC), OLD);
    assert_int_equal(start(d), OLD);
    assert_int_equal(holds(d, WORLD_SEC), NEW);
    device_free(d);
}

static void n4_an_image_that_reaches_into_the_status_is_no_swap(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_SCRATCH);
    struct device *d;

    (void)state;
    spec.validate_primary = false;
    d = updated(&spec, 4 * SECTOR - 100, 1200);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->journal.count, 0);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_NOSPACE);
    assert_int_equal(d->journal.count, 0);
    device_free(d);
}

/* An upload that nobody asked for, over the old image of a trial. */
static void n5_a_revert_does_not_swap_in_an_update_as_if_it_were_the_old_image(void **state)
{
    struct world_spec spec = spec_for(DFU_MODE_SWAP_OFFSET);
    struct device *d = updated(&spec, 5000, 6000);

    (void)state;
    request(d, false);
    assert_int_equal(start(d), NEW);
    wipe(d, WORLD_SEC, 0, 5 * SECTOR);
    put_image(d, WORLD_SEC, NEW + 1, 7000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(d), NEW);
        assert_int_equal(d->journal.count, 0);
    }
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b1_a_cut_in_the_last_operation_keeps_the_end_of_a_longer_old_image),
        cmocka_unit_test(b2_what_a_torn_erase_left_in_scratch_is_not_copied_again),
        cmocka_unit_test(b3_a_torn_copy_done_still_reverts_in_every_mode_that_swaps),
        cmocka_unit_test(b4_a_swap_with_an_offset_without_room_changes_nothing),
        cmocka_unit_test(b5_an_empty_primary_filled_with_scratch_has_a_whole_trailer),
        cmocka_unit_test(b10_a_gap_in_the_records_of_a_swap_with_an_offset_is_reported),
        cmocka_unit_test(b12_the_first_records_lie_where_the_status_begins),
        cmocka_unit_test(b13_a_revert_with_an_offset_survives_any_two_cuts),
        cmocka_unit_test(b13_a_revert_that_mcuboot_prepared_twice_is_finished),
        cmocka_unit_test(b14_a_revert_with_scratch_survives_any_two_cuts),
        cmocka_unit_test(n1_a_gap_in_the_records_of_a_swap_with_scratch_does_not_lose_the_primary),
        cmocka_unit_test(n2_what_fills_an_empty_primary_has_nothing_to_go_back_to),
        cmocka_unit_test(n3_larger_sectors_in_the_secondary_lose_no_image),
        cmocka_unit_test(n4_an_image_that_reaches_into_the_status_is_no_swap),
        cmocka_unit_test(n5_a_revert_does_not_swap_in_an_update_as_if_it_were_the_old_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
