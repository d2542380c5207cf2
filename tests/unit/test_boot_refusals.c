/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the bootloader does not run, does not bring in, and what that costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "each_mode.h"
#include "upgrade.h"

#define SIZE     0x2064u
#define SEC_SIZE 0x4000u
#define MAGIC    "77c295f360d2ef7f3552500f2cb67980"

static struct device *pending(const struct world_spec *spec)
{
    struct device *d = device_new(spec);

    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image(d, WORLD_SEC, NEW, SIZE);
    request(d, false);
    return d;
}

static uint8_t *copy_of(struct device *d)
{
    uint8_t *bytes = malloc(d->world.sim.size);

    assert_non_null(bytes);
    memcpy(bytes, d->world.sim.mem, d->world.sim.size);
    return bytes;
}

static void assert_unchanged(struct device *d, uint8_t *before)
{
    assert_memory_equal(d->world.sim.mem, before, d->world.sim.size);
    free(before);
}

/* ---- The update ---- */

static void a_broken_update_is_erased_and_its_fault_named(void **state)
{
    static const struct {
        uint32_t off;
        const char *byte;
        enum dfu_image_fault fault;
    } rows[] = {
        { 0, "3c", DFU_IMAGE_BAD_MAGIC },
        { 100, "00", DFU_IMAGE_HASH_MISMATCH },
        { SIZE - 1, "00", DFU_IMAGE_HASH_MISMATCH },
        { 12, "ffffffff", DFU_IMAGE_SIZE_OVERFLOW },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d = pending(&spec);

        put_bytes(d, WORLD_SEC, rows[i].off, rows[i].byte);
        assert_int_equal(start(d), OLD);
        assert_int_equal(d->last.result.update_err, DFU_ERR_VERIFY);
        assert_int_equal(d->last.result.update_fault, rows[i].fault);
        assert_int_equal(d->last.result.swap[0], DFU_SWAP_NONE);
        assert_true(is_blank(d, WORLD_SEC, 0, SEC_SIZE));
        assert_non_null(strstr(lines_of(d), "E: Image in the secondary slot is not valid!\n"));
        assert_int_equal(start(d), OLD);
        assert_string_equal(ops_of(d), "");
        device_free(d);
    }
}

static void an_update_that_is_not_bootable_loses_its_request_only(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image_with(d, WORLD_SEC, NEW, SIZE, DFU_IMAGE_F_NON_BOOTABLE);
    request(d, true);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "E sec 3000\n");
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

static void a_request_on_an_empty_slot_is_cleared(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    request(d, true);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "E sec 3000\n");
    assert_int_equal(d->last.result.update_err, DFU_ERR_NOENT);
    assert_true(is_blank(d, WORLD_SEC, 0, SEC_SIZE));
    device_free(d);
}

static void a_revert_to_an_image_that_is_gone_is_not_asked_again(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);

    (void)state;
    assert_int_equal(start(d), NEW);
    wipe(d, WORLD_SEC, 0, SEC_SIZE);
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "E sec 3000\nE pri 4000\n");
    assert_non_null(
        strstr(lines_of(d), "I: Cleared image 0 primary slot trailer due to stuck revert\n"));
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
    device_free(d);
}

/* MCUboot erases the secondary's trailer at every start. */
static void a_trial_whose_old_image_is_gone_stays_and_wears_nothing(void **state)
{
    static make_spec *const modes[] = { spec_offset, spec_scratch };

    (void)state;
    EACH(modes, make)
    {
        struct device *d = device_of(make);

        request(d, false);
        assert_int_equal(start(d), NEW);
        wipe(d, WORLD_SEC, 0, d->world.area[WORLD_SEC].size);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(start(d), NEW);
            assert_string_equal(ops_of(d), "");
        }
        device_free(d);
    }
}

static void a_prepared_swap_whose_update_is_broken_fails_once_and_for_all(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);

    (void)state;
    start_cut(d, DFU_SIM_CUT_AFTER, 5, 0); /* trailers done, nothing moved */
    put_bytes(d, WORLD_SEC, 200, "00");
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_FAIL);
    assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
    assert_int_equal(start(d), OLD);
    assert_string_equal(ops_of(d), "E sec 3000\n");
    device_free(d);
}

/* B4: MCUboot writes copy_done here, over itself at every start. */
static void a_swap_without_room_changes_nothing(void **state)
{
    static const struct {
        uint32_t primary_sectors, old_size;
        const char *line;
    } rows[] = {
        { 5, 0x3001, "W: required 20480 bytes but only 16384 are available\n" },
        { 4, 0x2001, "W: required 16384 bytes but only 12288 are available\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d;
        uint8_t *before;

        spec.validate_primary = false;
        spec.areas[WORLD_PRI].size = rows[i].primary_sectors * 0x1000;
        spec.areas[WORLD_PRI].runs[0].count = rows[i].primary_sectors;
        d = device_new(&spec);
        put_image(d, WORLD_PRI, OLD, rows[i].old_size);
        put_image(d, WORLD_SEC, NEW, 0x1000);
        request(d, false);
        before = copy_of(d);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(start(d), OLD);
            assert_string_equal(ops_of(d), "");
            assert_int_equal(d->last.result.update_err, DFU_ERR_NOSPACE);
            assert_non_null(strstr(lines_of(d), "W: Not enough free space to run swap upgrade\n"));
            assert_non_null(strstr(lines_of(d), rows[i].line));
        }
        assert_unchanged(d, before);
        device_free(d);
    }
}

static void an_older_update_is_refused_where_that_is_asked_for(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct world_spec spec = mode == 0 ? spec_move() : spec_overwrite_fast();
        struct device *d;

        spec.prevent_downgrade = true;
        d = device_new(&spec);
        put_image(d, WORLD_PRI, NEW, SIZE);
        put_image(d, WORLD_SEC, OLD, SIZE);
        request(d, true);
        assert_int_equal(start(d), NEW);
        assert_int_equal(d->last.result.update_err, DFU_ERR_PERM);
        assert_true(is_blank(d, WORLD_SEC, 0, SEC_SIZE));
        device_free(d);
    }
}

static void an_equal_version_is_no_downgrade_and_a_revert_may_go_back(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d;

    (void)state;
    spec.prevent_downgrade = true;
    d = pending(&spec);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    device_free(d);
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_image(d, WORLD_SEC, OLD, SIZE);
    request(d, false);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.swap[0], DFU_SWAP_TEST);
    device_free(d);
}

/* A cut in an overwrite may leave anything where the version stands. Erasing the update for its
 * sake would leave a device without any image. */
static void the_version_of_a_broken_primary_refuses_nothing(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct world_spec spec = mode == 0 ? spec_move() : spec_overwrite_fast();
        struct device *d;

        spec.prevent_downgrade = true;
        d = device_new(&spec);
        put_image(d, WORLD_PRI, 200, SIZE);
        put_bytes(d, WORLD_PRI, 300, "00000000");
        put_image(d, WORLD_SEC, OLD, SIZE);
        request(d, true);
        assert_int_equal(start(d), OLD);
        device_free(d);
    }
}

/* ---- The primary ---- */

static void a_broken_primary_does_not_run_and_is_not_erased(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    uint8_t *before;

    (void)state;
    put_image(d, WORLD_PRI, OLD, SIZE);
    put_bytes(d, WORLD_PRI, 1000, "00000000");
    put_image(d, WORLD_SEC, NEW, SIZE);
    before = copy_of(d);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_VERIFY);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_null(d->last.result.area);
    assert_non_null(strstr(lines_of(d), "E: Image in the primary slot is not valid!\n"));
    assert_unchanged(d, before);
    device_free(d);
}

static void a_primary_flagged_not_bootable_does_not_run(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);

    (void)state;
    put_image_with(d, WORLD_PRI, OLD, SIZE, DFU_IMAGE_F_NON_BOOTABLE);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.err, DFU_ERR_VERIFY);
    device_free(d);
}

static void a_broken_primary_is_filled_only_where_that_is_configured(void **state)
{
    (void)state;
    for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
        struct world_spec spec = spec_move();
        struct device *d;

        spec.bootstrap = bootstrap != 0;
        d = device_new(&spec);
        put_image(d, WORLD_SEC, NEW, SIZE);
        assert_int_equal(start(d), bootstrap ? NEW : 0);
        assert_int_equal(d->last.result.swap[0], bootstrap ? DFU_SWAP_REVERT : DFU_SWAP_NONE);
        if (bootstrap) {
            assert_int_equal(trailer(d, WORLD_PRI).image_ok, DFU_FLAG_SET);
            assert_int_equal(start(d), NEW);
            assert_string_equal(ops_of(d), "");
        }
        device_free(d);
    }
}

/* Nothing is gone back to, whichever of its flags the cut prevented. */
static void stays(struct device *d)
{
    assert_int_equal(start(d), NEW);
    assert_string_equal(ops_of(d), "");
}

static void a_fill_that_is_cut_is_made_again_and_stays(void **state)
{
    static make_spec *const modes[] = { spec_move, spec_offset, spec_scratch };

    (void)state;
    EACH(modes, make)
    {
        struct world_spec spec = make();
        struct device *d;

        spec.bootstrap = true;
        d = device_new(&spec);
        put_update(d, NEW, SIZE);
        check_after_every_cut(d, NEW, 3, stays);
        device_free(d);
    }
}

/* There is nothing in such a primary that could be moved: the new image alone gives the size. */
static void a_primary_whose_lengths_make_no_sense_is_replaced(void **state)
{
    static const struct {
        uint32_t off;
        const char *bytes;
    } rows[] = { { 12, "ffffffff" }, { 12, "00f0ff00" }, { 8, "ffff" }, { SIZE - 40, "0000" } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d = pending(&spec);

        put_bytes(d, WORLD_PRI, rows[i].off, rows[i].bytes);
        assert_int_equal(start(d), NEW);
        assert_int_equal(d->last.result.swap[0], DFU_SWAP_TEST);
        device_free(d);
    }
}

/* ---- Slots ---- */

static void slots_that_do_not_fit_keep_what_they_have(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d;
    uint8_t *before;

    (void)state;
    spec.areas[WORLD_SEC].size = 0x3000;
    spec.areas[WORLD_SEC].runs[0].count = 3;
    d = device_new(&spec);
    put_image(d, WORLD_PRI, OLD, 0x1000);
    put_image(d, WORLD_SEC, NEW, 0x1000);
    request(d, true);
    before = copy_of(d);
    assert_int_equal(start(d), OLD);
    assert_int_equal(d->last.result.update_err, DFU_ERR_NOTSUP);
    assert_string_equal(lines_of(d), "W: Cannot upgrade: not a compatible amount of sectors\n");
    assert_unchanged(d, before);
    device_free(d);
}

/* ---- The configuration ---- */

static void a_senseless_configuration_is_refused(void **state)
{
    static const struct dfu_hash_alg *const no_hashes[] = { NULL };
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);
    const struct dfu_boot_config good = d->world.cfg;
    struct dfu_slot_map map = d->world.map;
    struct dfu_boot_config *cfg = &d->world.cfg;

    (void)state;
#define REFUSED(change)                               \
    do {                                              \
        *cfg = good;                                  \
        change;                                       \
        assert_int_equal(start(d), 0);                \
        assert_int_equal(d->last.err, DFU_ERR_INVAL); \
        assert_string_equal(ops_of(d), "");           \
    } while (0)
    REFUSED(cfg->map = NULL);
    REFUSED(cfg->strategy = NULL);
    REFUSED(cfg->strategy = &dfu_boot_overwrite); /* of another mode than the map */
    REFUSED(cfg->buf = NULL);
    REFUSED(cfg->buf_len = 32);
    REFUSED(cfg->buf_len = 100);
    REFUSED(cfg->policy.hashes = NULL);
    REFUSED(cfg->policy.hashes = no_hashes);
    REFUSED(cfg->policy.key_count = 1);
    REFUSED(cfg->policy.hash_only = false); /* no keys: trusting a hash must be said */
    REFUSED(cfg->map = &map; map.images[0].secondary = NULL);
    REFUSED(cfg->map = &map; map = d->world.map; map.image_count = 0);
    REFUSED(cfg->map = &map; map = d->world.map; map.max_align = 7);
#undef REFUSED
    *cfg = good;
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void devices_in_one_process_do_not_know_each_other(void **state)
{
    struct world_spec move = spec_move();
    struct world_spec fast = spec_overwrite_fast();
    struct device *a = pending(&move), *b = pending(&fast), *c;

    (void)state;
    move.erased = 0x00;
    c = pending(&move);
    start_cut(a, DFU_SIM_CUT_AFTER, 20, 0);
    start_cut(b, DFU_SIM_CUT_AFTER, 3, 0);
    start_cut(c, DFU_SIM_CUT_AFTER, 30, 0);
    assert_int_equal(start(b), NEW);
    assert_int_equal(start(a), NEW);
    assert_int_equal(start(c), NEW);
    assert_int_equal(start(a), OLD);
    assert_int_equal(start(b), NEW);
    assert_int_equal(start(c), OLD);
    device_free(a);
    device_free(b);
    device_free(c);
}

static unsigned fed;

static void feed(void *ctx)
{
    (void)ctx;
    fed++;
}

/* At least once a sector erased and once a buffer copied or hashed. */
static void the_watchdog_is_fed_all_along(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);

    (void)state;
    fed = 0;
    d->world.cfg.feed_watchdog = feed;
    assert_int_equal(start(d), NEW);
    assert_true(fed >= 11 + 9 * 4 + 2 * 8);
    device_free(d);
}

/* ---- Looking ahead ---- */

static void looking_tells_the_next_start_and_changes_nothing(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = pending(&spec);
    struct dfu_boot_outlook outlook;
    uint8_t *before = copy_of(d);

    (void)state;
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), 0);
    assert_int_equal(outlook.swap, DFU_SWAP_TEST);
    assert_false(outlook.resumes);
    assert_true(dfu_verdict_is_trusted(&outlook.primary_report.verdict));
    assert_true(dfu_verdict_is_trusted(&outlook.secondary_report.verdict));
    assert_int_equal(outlook.secondary.magic, DFU_MAGIC_GOOD);
    assert_unchanged(d, before);

    start_cut(d, DFU_SIM_CUT_AFTER, 50, 0);
    dfu_sim_flash_power_on(&d->world.sim);
    before = copy_of(d);
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), 0);
    assert_true(outlook.resumes);
    assert_int_equal(outlook.swap, DFU_SWAP_TEST);
    assert_int_equal(outlook.progress_idx, 3);
    assert_int_equal(outlook.progress_state, 1);
    assert_unchanged(d, before);
    assert_int_equal(start(d), NEW);

    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), 0);
    assert_int_equal(outlook.swap, DFU_SWAP_REVERT);
    put_bytes(d, WORLD_SEC, 500, "0000");
    before = copy_of(d);
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), 0);
    assert_int_equal(outlook.swap, DFU_SWAP_NONE);
    assert_int_equal(outlook.secondary_report.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_unchanged(d, before);
    assert_int_equal(dfu_boot_look(&d->world.cfg, 1, &outlook), DFU_ERR_INVAL);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_update_is_erased_and_its_fault_named),
        cmocka_unit_test(an_update_that_is_not_bootable_loses_its_request_only),
        cmocka_unit_test(a_request_on_an_empty_slot_is_cleared),
        cmocka_unit_test(a_revert_to_an_image_that_is_gone_is_not_asked_again),
        cmocka_unit_test(a_trial_whose_old_image_is_gone_stays_and_wears_nothing),
        cmocka_unit_test(a_prepared_swap_whose_update_is_broken_fails_once_and_for_all),
        cmocka_unit_test(a_swap_without_room_changes_nothing),
        cmocka_unit_test(an_older_update_is_refused_where_that_is_asked_for),
        cmocka_unit_test(an_equal_version_is_no_downgrade_and_a_revert_may_go_back),
        cmocka_unit_test(the_version_of_a_broken_primary_refuses_nothing),
        cmocka_unit_test(a_broken_primary_does_not_run_and_is_not_erased),
        cmocka_unit_test(a_primary_flagged_not_bootable_does_not_run),
        cmocka_unit_test(a_broken_primary_is_filled_only_where_that_is_configured),
        cmocka_unit_test(a_fill_that_is_cut_is_made_again_and_stays),
        cmocka_unit_test(a_primary_whose_lengths_make_no_sense_is_replaced),
        cmocka_unit_test(slots_that_do_not_fit_keep_what_they_have),
        cmocka_unit_test(a_senseless_configuration_is_refused),
        cmocka_unit_test(devices_in_one_process_do_not_know_each_other),
        cmocka_unit_test(the_watchdog_is_fed_all_along),
        cmocka_unit_test(looking_tells_the_next_start_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
