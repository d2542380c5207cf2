/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* How far back a bootloader goes: security counters, and downgrades by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/update.h"
#include "scenario.h"

#define SIZE   0x1064u
#define NO_CNT 0xffffffffu /* an image without a counter */

/* Where a device keeps its counters. */
struct store {
    struct dfu_boot_counter counter;
    uint32_t value[DFU_IMAGES_MAX];
    unsigned raised;
    int err;
    unsigned asked, silent_from; /* 0: answers always; else from this question on no more */
};

static int store_get(void *ctx, uint8_t image, uint32_t *value)
{
    struct store *store = ctx;

    *value = store->value[image];
    store->asked++;
    return store->silent_from > 0 && store->asked >= store->silent_from ? DFU_ERR_IO : 0;
}

static int store_raise(void *ctx, uint8_t image, uint32_t value)
{
    struct store *store = ctx;

    assert_true(value > store->value[image]);
    store->raised++;
    if (!store->err) {
        store->value[image] = value;
    }
    return store->err;
}

static void put_counted(struct device *d, enum world_place place, uint8_t major, uint32_t counter)
{
    uint8_t value[4];
    struct test_recipe recipe = { .version = { .major = major } };

    put_le32(value, counter);
    if (counter != NO_CNT) {
        recipe.prot[0] = (struct test_tlv){ DFU_TLV_SEC_CNT, value, sizeof value };
        recipe.prot_count = 1;
    }
    put_recipe(d, place, &recipe, SIZE);
}

static struct device *counted(const struct world_spec *spec, uint32_t old, uint32_t new)
{
    struct device *d = device_new(spec);

    put_counted(d, WORLD_PRI, OLD, old);
    put_counted(d, WORLD_SEC, NEW, new);
    return d;
}

static void protect(struct device *d, struct store *store)
{
    store->counter = (struct dfu_boot_counter){ &dfu_boot_rollback, store_get, store_raise, store };
    d->world.cfg.counter = &store->counter;
}

static struct device *protected(const struct world_spec *spec, struct store *store, uint32_t old,
                                uint32_t new)
{
    struct device *d = counted(spec, old, new);

    protect(d, store);
    return d;
}

static void hw_prot_missing_security_cnt_T24(void **state)
{
    struct store store = { .value = { 30 } };
    struct device *d = protected(*state, &store, NO_CNT, NO_CNT);

    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_COUNTER_MISSING);
    assert_int_equal(store.value[0], 30);
    device_free(d);
}

static void hw_prot_failed_security_cnt_check_T25(void **state)
{
    struct store store = { .value = { 30 } };
    struct device *d = protected(*state, &store, 0, 1);

    request(d, false);
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_COUNTER_TOO_LOW);
    assert_non_null(
        strstr(lines_of(d), "E: Image security counter value 0 lower than monotonic value 30\n"));
    assert_int_equal(store.value[0], 30);
    device_free(d);
}

static void a_broken_image_is_told_as_that_whatever_its_counter_is(void **state)
{
    struct world_spec spec = spec_move();
    struct store store = { .value = { 30 } };
    struct device *d = protected(&spec, &store, 0, 1);

    (void)state;
    put_bytes(d, WORLD_PRI, 100, "00");
    assert_int_equal(start(d), 0);
    assert_int_equal(d->last.result.fault, DFU_IMAGE_HASH_MISMATCH);
    assert_null(strstr(lines_of(d), "security counter"));
    device_free(d);
}

static void the_counter_moves_only_when_an_image_is_confirmed(void **state)
{
    struct world_spec spec = spec_move();
    struct store store = { .value = { 0 } };
    struct device *d = protected(&spec, &store, 1, 5);

    (void)state;
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1); /* there is no trial: it is here to stay */
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 1);
    confirm(d);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 5);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.raised, 2);
    device_free(d);
}

static void the_counter_never_blocks_a_revert(void **state)
{
    struct world_spec spec = spec_move();
    struct store store = { .value = { 1 } };
    struct device *d = protected(&spec, &store, 1, 5);

    (void)state;
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

static void a_permanent_upgrade_raises_the_counter_at_once(void **state)
{
    struct world_spec spec = spec_move();
    struct store store = { .value = { 1 } };
    struct device *d = protected(&spec, &store, 1, 5);

    (void)state;
    request(d, true);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 5);
    device_free(d);
}

static void a_trial_that_runs_in_place_does_not_move_the_counter(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP_REVERT, true);
    struct store store = { .value = { 0 } };
    struct device *d = protected(&spec, &store, 1, 5);

    (void)state;
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_PRI], true, true), 0);
    assert_int_equal(dfu_boot_set_next(&d->world.map, &d->world.area[WORLD_SEC], false, false), 0);
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.value[0], 0);
    assert_int_equal(start(d), OLD);
    assert_int_equal(store.value[0], 1);
    device_free(d);
}

static void a_counter_that_cannot_be_raised_is_told_and_nothing_more(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct store store = { .value = { 0 }, .err = DFU_ERR_IO };
    struct device *d = protected(&spec, &store, 1, 5);

    (void)state;
    assert_int_equal(start(d), NEW);
    assert_non_null(
        strstr(lines_of(d), "E: Security counter update failed after image 0 validation: 4\n"));
    device_free(d);
}

static void a_counter_that_cannot_be_read_stops_an_image_but_not_one_that_was_verified(void **state)
{
    unsigned refused = 0, told = 0;

    (void)state;
    for (unsigned from = 1; from < 10; from++) { /* in the check, then before raising */
        struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
        struct device *d = device_new(&spec);
        struct store store = { .value = { 0 }, .silent_from = from };

        put_counted(d, WORLD_PRI, OLD, 1);
        protect(d, &store);
        if (start(d) == 0) {
            assert_int_equal(d->last.result.fault, DFU_IMAGE_UNREADABLE);
            assert_int_equal(told, 0);
            refused++;
        } else if (store.raised == 0) {
            assert_non_null(strstr(lines_of(d), "E: Security counter update failed after image 0 "
                                                "validation: 4\n"));
            told++;
        }
        device_free(d);
    }
    assert_true(refused > 0 && told > 0);
}

/* It has none, and is no application that could be taken back. */
static void a_firmware_loader_needs_no_counter(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_FIRMWARE_LOADER, true);
    struct device *d = device_new(&spec);
    struct store store = { .value = { 3 } };

    (void)state;
    put_counted(d, WORLD_PRI, OLD, 3);
    put_counted(d, WORLD_SEC, NEW, NO_CNT);
    protect(d, &store);
    assert_int_equal(start(d), OLD);
    d->world.cfg.enter_loader = true;
    assert_int_equal(start(d), NEW);
    assert_int_equal(store.raised, 0);
    device_free(d);
}

static void a_counter_of_another_length_is_none(void **state)
{
    static const uint8_t value[8] = { 9 };
    static const uint16_t lengths[] = { 0, 2, 3, 5, 8 };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
        struct device *d = device_new(&spec);
        struct store store = { .value = { 0 } };
        struct test_recipe recipe = { .version = { .major = NEW },
                                      .prot = { { DFU_TLV_SEC_CNT, value, lengths[i] } },
                                      .prot_count = 1 };

        put_recipe(d, WORLD_SEC, &recipe, SIZE);
        put_counted(d, WORLD_PRI, OLD, 1);
        protect(d, &store);
        assert_int_equal(start(d), OLD);
        assert_int_equal(store.value[0], 1);
        device_free(d);
    }
}

static void an_empty_primary_has_no_counter_that_an_update_could_be_below(void **state)
{
    struct world_spec spec = spec_overwrite_fast();
    struct device *d = device_new(&spec);

    (void)state;
    put_counted(d, WORLD_SEC, NEW, 1);
    d->world.cfg.counter_downgrade = &dfu_boot_rollback;
    request(d, false);
    assert_int_equal(start(d), NEW);
    device_free(d);
}

static void a_lower_counter_is_a_downgrade_where_the_running_image_has_one(void **state)
{
    static const struct {
        uint32_t old, new;
        unsigned runs;
    } rows[] = {
        { 5, 4, OLD }, { 5, 5, NEW }, { 5, 6, NEW }, { 5, NO_CNT, OLD }, { NO_CNT, NO_CNT, NEW },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_spec spec = spec_move();
        struct device *d = counted(&spec, rows[i].old, rows[i].new);

        d->world.cfg.counter_downgrade = &dfu_boot_rollback;
        request(d, false);
        assert_int_equal(start(d), rows[i].runs);
        device_free(d);
    }
}

static void a_revert_is_no_downgrade(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = counted(&spec, 4, 5);

    (void)state;
    d->world.cfg.counter_downgrade = &dfu_boot_rollback;
    d->world.cfg.prevent_downgrade = true;
    request(d, false);
    assert_int_equal(start(d), NEW);
    assert_int_equal(start(d), OLD);
    device_free(d);
}

int main(void)
{
    static const struct scenario scenarios[] = {
        SCENARIO(hw_prot_missing_security_cnt_T24),
        SCENARIO(hw_prot_failed_security_cnt_check_T25),
    };
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_image_is_told_as_that_whatever_its_counter_is),
        cmocka_unit_test(the_counter_moves_only_when_an_image_is_confirmed),
        cmocka_unit_test(the_counter_never_blocks_a_revert),
        cmocka_unit_test(a_permanent_upgrade_raises_the_counter_at_once),
        cmocka_unit_test(a_trial_that_runs_in_place_does_not_move_the_counter),
        cmocka_unit_test(a_counter_that_cannot_be_raised_is_told_and_nothing_more),
        cmocka_unit_test(
            a_counter_that_cannot_be_read_stops_an_image_but_not_one_that_was_verified),
        cmocka_unit_test(a_firmware_loader_needs_no_counter),
        cmocka_unit_test(a_counter_of_another_length_is_none),
        cmocka_unit_test(an_empty_primary_has_no_counter_that_an_update_could_be_below),
        cmocka_unit_test(a_lower_counter_is_a_downgrade_where_the_running_image_has_one),
        cmocka_unit_test(a_revert_is_no_downgrade),
    };

    return run_scenarios("scenarios", scenarios, sizeof scenarios / sizeof scenarios[0]) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
