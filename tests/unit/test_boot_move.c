/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using move: the worked example of the specification, and every way back from a cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "upgrade.h"

/* The example's images, and its primary trailer: fields, then records. */
#define OLD_SIZE      0x2064u
#define NEW_SIZE      0x21f4u
#define PRI_MAGIC     0x4ff0u
#define PRI_IMAGE_OK  0x4fe8u
#define PRI_COPY_DONE 0x4fe0u
#define PRI_SWAP_SIZE 0x4fd0u
#define PRI_STATUS    0x43d0u
#define SEC_MAGIC     0x3ff0u
#define SEC_STATUS    0x33d0u
#define SEC_IMAGE_OK  0x3fe8u
#define SEC_SWAP_INFO 0x3fd8u
#define RECORD_COUNT  9u /* 3 moves, 3 * 2 swaps */
#define MAGIC         "77c295f360d2ef7f3552500f2cb67980"

static const char upgrade_ops[] = "E pri 4000\n"
                                  "w pri 4fd8 02\n"
                                  "w pri 4fd0 f4210000\n"
                                  "w pri 4ff0 " MAGIC "\n"
                                  "E sec 3000\n"
                                  "E pri 3000\nW pri 3000+1000\nw pri 43d0 01\n"
                                  "E pri 2000\nW pri 2000+1000\nw pri 43d8 01\n"
                                  "E pri 1000\nW pri 1000+1000\nw pri 43e0 01\n"
                                  "E pri 0\nW pri 0+1000\nw pri 47d0 01\n"
                                  "E sec 0\nW sec 0+1000\nw pri 47d8 02\n"
                                  "E pri 1000\nW pri 1000+1000\nw pri 47e0 01\n"
                                  "E sec 1000\nW sec 1000+1000\nw pri 47e8 02\n"
                                  "E pri 2000\nW pri 2000+1000\nw pri 47f0 01\n"
                                  "E sec 2000\nW sec 2000+1000\nw pri 47f8 02\n"
                                  "w pri 4fe0 01\n";

static const char revert_start[] = "E sec 3000\n"
                                   "w sec 3fe8 01\n"
                                   "w sec 3fd0 f4210000\n"
                                   "w sec 3ff0 " MAGIC "\n"
                                   "E pri 4000\n"
                                   "w pri 4fd8 04\n"
                                   "w pri 4fe8 01\n"
                                   "w pri 4fd0 f4210000\n"
                                   "w pri 4ff0 " MAGIC "\n"
                                   "E sec 3000\n"
                                   "E pri 3000\n";

static struct device *example(bool permanent)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    request(d, permanent);
    return d;
}

/* Where the n-th record of a start is: the operation's number. */
static uint32_t op_at(struct device *d, enum world_place place, uint32_t off)
{
    uint32_t base = d->world.area[place].base;

    for (size_t i = 0; i < d->journal.count; i++) {
        if (d->journal.ops[i].kind == DFU_SIM_WRITE && d->journal.ops[i].off == base + off) {
            return (uint32_t)i + 1;
        }
    }
    fail_msg("no write at 0x%x", (unsigned)off);
    return 0;
}

/* What a torn program leaves at worst: the unit reads erased and refuses to be programmed. */
static void wear_out(struct device *d, enum world_place place, uint32_t off)
{
    struct dfu_sim_flash *sim = &d->world.sim;
    uint32_t first = (d->world.area[place].base + off) / sim->write_size;

    sim->programmed[first / 8] |= (uint8_t)(1u << first % 8);
}

static uint8_t *state_new(struct device *d)
{
    uint8_t *kept = malloc(d->world.state_size);

    assert_non_null(kept);
    boot_world_keep(&d->world, kept);
    return kept;
}

static void the_worked_example_is_followed_to_the_byte(void **state)
{
    struct device *d = example(false);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), upgrade_ops);
    assert_string_equal(lines_of(d),
                        "I: Primary image: magic=unset, swap_type=0x1, copy_done=0x3, "
                        "image_ok=0x3\n"
                        "I: Secondary image: magic=good, swap_type=0x2, copy_done=0x3, "
                        "image_ok=0x3\n"
                        "I: Boot source: none\n"
                        "I: Image index: 0, Swap type: test\n"
                        "I: Starting swap using move algorithm.\n");
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_TEST);

    assert_int_equal(start(d), OLD);
    assert_memory_equal(ops_of(d), revert_start, sizeof revert_start - 1);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_REVERT);

    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_NONE);
    device_free(d);
}

static void a_confirmed_image_stays(void **state)
{
    struct device *d = example(false);

    (void)state;
    assert_int_equal(start(d), NEW);
    confirm(d);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
    }
    device_free(d);
}

static void a_permanent_request_is_confirmed_by_the_loader(void **state)
{
    struct device *d = example(true);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_SET);
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* Clean cuts before every operation: the flash ends as if nothing had happened. */
static void a_swap_cut_before_any_operation_ends_in_the_same_bytes(void **state)
{
    struct device *d = example(false);
    uint8_t *before = state_new(d), *after;
    uint32_t count;

    (void)state;
    assert_int_equal(start(d), NEW);
    count = d->last.ops;
    after = state_new(d);
    for (uint32_t op = 1; op <= count; op++) {
        boot_world_restore(&d->world, before);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), NEW);
        assert_memory_equal(d->world.sim.mem, after, d->world.sim.size);
    }
    free(before);
    free(after);
    device_free(d);
}

static void a_resumed_swap_says_so_and_what_it_finishes(void **state)
{
    struct device *d = example(true);

    (void)state;
    start_cut(d, DFU_SIM_CUT_AFTER, 40, 0);
    assert_int_equal(start(d), NEW);
    assert_true(d->last.result.resumed);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_PERM);
    assert_non_null(strstr(lines_of(d), "I: Boot source: primary slot\n"
                                        "I: Starting swap using move algorithm.\n"));
    device_free(d);
}

/* B3. The application never ran, so nothing is lost by going back. */
static void a_torn_copy_done_still_reverts(void **state)
{
    static const char *const torn[] = { "0f", "81", "00", "fe" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct device *d = example(false);

        assert_int_equal(start(d), NEW);
        wipe(d, WORLD_PRI, PRI_COPY_DONE, 8);
        put_bytes(d, WORLD_PRI, PRI_COPY_DONE, torn[i]);
        assert_int_equal(start(d), OLD);
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void a_copy_done_without_a_recorded_swap_means_nothing(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    put_bytes(d, WORLD_PRI, PRI_MAGIC, MAGIC);
    put_bytes(d, WORLD_PRI, PRI_COPY_DONE, "55");
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* A permanent swap whose image_ok is still to be written at its end, and whose write is torn.
 * Left so, the image could never be confirmed. Where the unit reads erased but refuses, the image
 * stays all the same, by its finished records. */
static void a_torn_image_ok_is_made_whole_when_the_swap_ends(void **state)
{
    struct device *d = example(true);
    uint8_t *kept;
    uint32_t op;

    (void)state;
    start_cut(d, DFU_SIM_CUT_AFTER, 40, 0);
    wipe(d, WORLD_PRI, PRI_IMAGE_OK, 8);
    kept = state_new(d);
    assert_int_equal(start(d), NEW);
    op = op_at(d, WORLD_PRI, PRI_IMAGE_OK);
    for (int refuses = 0; refuses <= 1; refuses++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        if (refuses) {
            wear_out(d, WORLD_PRI, PRI_IMAGE_OK);
        } else {
            put_bytes(d, WORLD_PRI, PRI_IMAGE_OK, "0f");
        }
        assert_int_equal(start(d), NEW);
        assert_int_equal(trailer(d, WORLD_PRI).image_ok, refuses ? DFU_FLAG_UNSET : DFU_FLAG_SET);
        assert_int_equal(trailer(d, WORLD_PRI).copy_done, refuses ? DFU_FLAG_UNSET : DFU_FLAG_SET);
        assert_int_equal(start(d), NEW);
        assert_string_equal(ops_of(d), "");
    }
    free(kept);
    device_free(d);
}

/* copy_done reads erased but can not be written: the trailer is made anew, and a cut while that
 * happens must not turn the trial into a permanent image. */
static void copy_done_refuses(bool prevents_downgrade)
{
    struct device *d = example(false);
    uint8_t *stuck = state_new(d);
    uint32_t op;

    d->world.cfg.prevent_downgrade = prevents_downgrade;
    assert_int_equal(start(d), NEW);
    op = op_at(d, WORLD_PRI, PRI_COPY_DONE);
    boot_world_restore(&d->world, stuck);
    start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
    wear_out(d, WORLD_PRI, PRI_COPY_DONE);
    boot_world_keep(&d->world, stuck);

    assert_int_equal(start(d), NEW);
    assert_int_equal(trailer(d, WORLD_PRI).copy_done, DFU_FLAG_SET);
    assert_true(is_blank(d, WORLD_SEC, 0x3000, 0x1000));
    op = d->last.ops;
    assert_int_equal(start(d), OLD);
    for (; op > 0; op--) {
        boot_world_restore(&d->world, stuck);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        if (start(d) == NEW) {
            assert_int_equal(start(d), OLD);
        }
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
    }
    free(stuck);
    device_free(d);
}

static void a_copy_done_that_refuses_never_makes_a_trial_permanent(void **state)
{
    (void)state;
    copy_done_refuses(false);
    copy_done_refuses(true);
}

/* The note by which it was made anew voids the request of that moment, not those of later. */
static void a_request_after_a_trailer_was_made_anew_counts(void **state)
{
    struct device *d = example(false);
    uint8_t *kept = state_new(d);
    uint32_t op;

    (void)state;
    assert_int_equal(start(d), NEW);
    op = op_at(d, WORLD_PRI, PRI_COPY_DONE);
    boot_world_restore(&d->world, kept);
    start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
    wear_out(d, WORLD_PRI, PRI_COPY_DONE);
    assert_int_equal(start(d), NEW);
    confirm(d);
    assert_int_equal(start(d), NEW);
    request(d, true);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_PERM);
    free(kept);
    device_free(d);
}

/* A record that reads erased and refuses, and power failing once more anywhere later: without a
 * second place for the record its step would be repeated from a source that is gone. */
static void a_record_that_refuses_is_kept_elsewhere(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2 * RECORD_COUNT; i++) {
        uint32_t n = i / 2;
        uint32_t record = PRI_STATUS + (n < 3 ? n : 128 + n - 3) * 8;
        struct device *d = example(true);
        uint8_t *kept = state_new(d);
        uint32_t op;

        assert_int_equal(start(d), NEW);
        op = op_at(d, WORLD_PRI, record);
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        wear_out(d, WORLD_PRI, record);
        if (i % 2 == 1) { /* the first of the spare places, too */
            wear_out(d, WORLD_SEC, SEC_STATUS);
        }
        boot_world_keep(&d->world, kept);
        assert_int_equal(start(d), NEW);
        assert_true(is_blank(d, WORLD_SEC, 0x3000, 0x1000));
        for (op = d->last.ops; op > 0; op--) {
            boot_world_restore(&d->world, kept);
            start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
            assert_int_equal(start(d), NEW);
            assert_int_equal(start(d), NEW);
            assert_string_equal(ops_of(d), "");
        }
        free(kept);
        device_free(d);
    }
}

/* The request is in the primary's trailer, and the erase of the secondary's took image_ok but not
 * the magic: by the table that would be a mere trial, or with a torn image_ok nothing at all. */
static void a_torn_erase_does_not_turn_permanent_into_trial(void **state)
{
    static const char *const left[] = { "", "7f", "fd" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct device *d = example(true);

        start_cut(d, DFU_SIM_CUT_AFTER, 5, 0); /* swap_info, image_ok, swap_size, magic */
        assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_GOOD);
        wipe(d, WORLD_SEC, SEC_IMAGE_OK, 8);
        wipe(d, WORLD_SEC, SEC_SWAP_INFO, 8);
        put_bytes(d, WORLD_SEC, SEC_IMAGE_OK, left[i]);
        assert_int_equal(start(d), NEW);
        assert_int_equal(start(d), NEW);
        assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
        device_free(d);
    }
}

/* The same where a revert was about to begin: the confirmed image must come back, confirmed. */
static void a_torn_erase_does_not_lose_a_revert(void **state)
{
    struct device *d = example(false);

    (void)state;
    assert_int_equal(start(d), NEW);
    start_cut(d, DFU_SIM_CUT_BEFORE, 10, 0); /* the second erase of the secondary's trailer */
    wipe(d, WORLD_SEC, SEC_IMAGE_OK, 8);
    assert_int_equal(start(d), OLD);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* While the primary has no trailer, only the secondary's knows that a revert was due. */
static void a_torn_magic_does_not_lose_a_revert(void **state)
{
    struct device *d = example(false);
    uint8_t *kept;

    (void)state;
    assert_int_equal(start(d), NEW);
    start_cut(d, DFU_SIM_CUT_BEFORE, 4, 0);
    put_bytes(d, WORLD_SEC, SEC_MAGIC, "77c295f3ffff");
    kept = state_new(d);
    for (uint32_t op = 1; op <= 10; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), OLD);
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
    }
    free(kept);
    device_free(d);
}

/* B10: one below the newest record is missing. Nothing is lost, but it is said. */
static void a_gap_in_the_records_is_reported_and_survived(void **state)
{
    struct device *d = example(false);
    uint32_t op;

    (void)state;
    assert_int_equal(start(d), NEW);
    op = op_at(d, WORLD_PRI, 0x47e8);
    device_free(d);
    d = example(false);
    start_cut(d, DFU_SIM_CUT_AFTER, op, 0);
    wipe(d, WORLD_PRI, PRI_STATUS + 8, 8);
    assert_int_equal(start(d), NEW);
    assert_non_null(strstr(lines_of(d), "E: Detected inconsistent status!\n"));
    device_free(d);
}

/* Whatever the size field and the records hold: no hang, no access outside the slots, and only a
 * verified image runs. */
static void hostile_status_is_never_followed(void **state)
{
    static const char *const sizes[] = { "ffffffff", "00000000", "ffffff7f", "00400000",
                                         "01300000", "00f0ffff", "00000100" };
    static const uint32_t records[] = { 0, 3, 4, 100, 127, 128, 134, 200, 383 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof records / sizeof records[0]; j++) {
            struct world_spec spec = spec_move();
            struct device *d = device_new(&spec);

            put_image(d, WORLD_PRI, OLD, OLD_SIZE);
            put_image(d, WORLD_SEC, NEW, NEW_SIZE);
            put_bytes(d, WORLD_PRI, PRI_MAGIC, MAGIC);
            put_bytes(d, WORLD_PRI, PRI_MAGIC - 24, "02");
            put_bytes(d, WORLD_PRI, PRI_SWAP_SIZE, sizes[i]);
            put_bytes(d, WORLD_PRI, PRI_STATUS + records[j] * 8, "01");
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
            assert_int_equal(d->last.result.update_err, DFU_ERR_FORMAT);
            device_free(d);
        }
    }
}

/* The records speak of three moves; then the old image's header would be in sector 1. */
/* The size is one that these slots can swap, but no step of that swap has this record. */
static void a_record_of_no_step_is_not_followed(void **state)
{
    static const uint32_t records[] = { 3, 4, 100, 127, 134, 135, 383 };

    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d = device_new(&spec);

        put_image(d, WORLD_PRI, OLD, OLD_SIZE);
        put_image(d, WORLD_SEC, NEW, NEW_SIZE);
        put_bytes(d, WORLD_PRI, PRI_MAGIC, MAGIC);
        put_bytes(d, WORLD_PRI, PRI_MAGIC - 24, "02");
        put_bytes(d, WORLD_PRI, PRI_SWAP_SIZE, "f4210000");
        put_bytes(d, WORLD_PRI, PRI_STATUS + records[i] * 8, "01");
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        assert_int_equal(d->last.result.update_err, DFU_ERR_FORMAT);
        device_free(d);
    }
}

static void records_that_the_slots_contradict_are_not_followed(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    put_bytes(d, WORLD_PRI, PRI_MAGIC, MAGIC);
    put_bytes(d, WORLD_PRI, PRI_SWAP_SIZE, "f4210000");
    put_bytes(d, WORLD_PRI, PRI_STATUS + 16, "01");
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    assert_non_null(strstr(lines_of(d), "W: Failed reading image headers; Image=0\n"));
    device_free(d);
}

/* B11: only the primary's trailer knows of the request. It is kept, not erased and rebuilt. */
static void a_prepared_swap_survives_another_cut(void **state)
{
    struct device *d = example(false);
    uint8_t *kept;

    (void)state;
    start_cut(d, DFU_SIM_CUT_AFTER, 5, 0);
    kept = state_new(d);
    for (uint32_t op = 1; op <= 8; op++) {
        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        assert_int_equal(start(d), NEW);
    }
    free(kept);
    device_free(d);
}

/* A swap that failed its check leaves its trailer behind; a later image of another size begins a
 * new one. Were the old trailer kept, a cut would resume with the old size. */
static void the_trailer_of_another_swap_is_not_kept(void **state)
{
    struct device *d = example(false);
    uint8_t *kept;
    uint32_t count;

    (void)state;
    start_cut(d, DFU_SIM_CUT_AFTER, 5, 0);
    wipe(d, WORLD_SEC, 0, 0x4000);
    put_image(d, WORLD_SEC, NEW, 0x1200);
    wipe(d, WORLD_PRI, 0, 0x4000);
    put_image(d, WORLD_PRI, OLD, 0x1100);
    kept = state_new(d);
    assert_int_equal(start(d), NEW);
    count = d->last.ops;
    for (uint32_t op = 1; op <= count; op++) {
        unsigned first;

        boot_world_restore(&d->world, kept);
        start_cut(d, DFU_SIM_CUT_BEFORE, op, 0);
        first = start(d);
        assert_true(first == NEW || first == OLD);
        assert_int_equal(start(d), OLD);
    }
    free(kept);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_example_is_followed_to_the_byte),
        cmocka_unit_test(a_confirmed_image_stays),
        cmocka_unit_test(a_permanent_request_is_confirmed_by_the_loader),
        cmocka_unit_test(a_swap_cut_before_any_operation_ends_in_the_same_bytes),
        cmocka_unit_test(a_resumed_swap_says_so_and_what_it_finishes),
        cmocka_unit_test(a_torn_copy_done_still_reverts),
        cmocka_unit_test(a_copy_done_without_a_recorded_swap_means_nothing),
        cmocka_unit_test(a_torn_image_ok_is_made_whole_when_the_swap_ends),
        cmocka_unit_test(a_copy_done_that_refuses_never_makes_a_trial_permanent),
        cmocka_unit_test(a_request_after_a_trailer_was_made_anew_counts),
        cmocka_unit_test(a_record_that_refuses_is_kept_elsewhere),
        cmocka_unit_test(a_torn_erase_does_not_turn_permanent_into_trial),
        cmocka_unit_test(a_torn_erase_does_not_lose_a_revert),
        cmocka_unit_test(a_torn_magic_does_not_lose_a_revert),
        cmocka_unit_test(a_gap_in_the_records_is_reported_and_survived),
        cmocka_unit_test(hostile_status_is_never_followed),
        cmocka_unit_test(a_record_of_no_step_is_not_followed),
        cmocka_unit_test(records_that_the_slots_contradict_are_not_followed),
        cmocka_unit_test(a_prepared_swap_survives_another_cut),
        cmocka_unit_test(the_trailer_of_another_swap_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
