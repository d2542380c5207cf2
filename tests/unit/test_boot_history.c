/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The history tells every update once, whatever is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/history.h"
#include "upgrade.h"

#define SIZE   0x1064u
#define SECTOR 256u /* eight entries */

struct told {
    struct device *d;
    struct dfu_boot_history history;
};

static struct told device_with(struct world_spec spec)
{
    struct told t;

    spec.areas[WORLD_SCR] = (struct world_area_spec){
        .size = 2 * SECTOR, .write_size = 8, .runs = { { SECTOR, 2 } }, .run_count = 1
    };
    t.d = device_new(&spec);
    t.d->world.map.scratch = NULL;
    t.history = (struct dfu_boot_history){ &dfu_boot_history_rules, &t.d->world.area[WORLD_SCR] };
    put_image(t.d, WORLD_PRI, OLD, SIZE);
    put_image(t.d, WORLD_SEC, NEW, SIZE);
    return t;
}

static void arm(struct told *t)
{
    t->d->world.cfg.history = &t->history;
}

static struct dfu_history_entry entry(const struct told *t, uint32_t n)
{
    struct dfu_history_entry out = { 0 };
    int err = dfu_history_read(t->history.area, n, &out);

    assert_true(err == DFU_OK || err == DFU_ERR_NOENT);
    return out; /* result 0: there is none */
}

static void expect(const struct told *t, uint32_t n, enum dfu_history_result result, int from,
                   int to)
{
    struct dfu_history_entry e = entry(t, n);

    assert_int_equal(e.result, result);
    assert_int_equal(e.has_from ? e.from.major : 0, from);
    assert_int_equal(e.has_to ? e.to.major : 0, to);
}

static void expect_count(const struct told *t, uint32_t count)
{
    struct dfu_history_entry e;

    assert_int_equal(dfu_history_read(t->history.area, count, &e), DFU_ERR_NOENT);
    if (count > 0) {
        assert_int_equal(dfu_history_read(t->history.area, count - 1, &e), DFU_OK);
        assert_int_equal(e.number, 1);
    }
}

static void a_trial_and_its_revert_are_told(void **state)
{
    struct told t = device_with(spec_move());

    (void)state;
    arm(&t);
    assert_int_equal(start(t.d), OLD);
    expect_count(&t, 0);
    request(t.d, false);
    assert_int_equal(start(t.d), NEW);
    expect(&t, 0, DFU_HISTORY_TRIAL, OLD, NEW);
    assert_int_equal(start(t.d), OLD);
    expect(&t, 0, DFU_HISTORY_REVERTED, NEW, OLD);
    expect(&t, 1, DFU_HISTORY_TRIAL, OLD, NEW);
    assert_int_equal(start(t.d), OLD);
    expect_count(&t, 2);
    device_free(t.d);
}

static void a_confirmed_trial_is_told_at_the_next_start(void **state)
{
    struct told t = device_with(spec_move());

    (void)state;
    arm(&t);
    request(t.d, false);
    assert_int_equal(start(t.d), NEW);
    confirm(t.d);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(t.d), NEW);
        expect(&t, 0, DFU_HISTORY_CONFIRMED, OLD, NEW);
        expect_count(&t, 2);
    }
    device_free(t.d);
}

static void an_update_for_good_is_told(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct told t = device_with(specs[i]);

        arm(&t);
        request(t.d, true);
        assert_int_equal(start(t.d), NEW);
        expect(&t, 0, DFU_HISTORY_INSTALLED, OLD, NEW);
        assert_int_equal(start(t.d), NEW);
        expect_count(&t, specs[i].mode == DFU_MODE_OVERWRITE ? 2 : 1);
        device_free(t.d);
    }
}

static void a_refusal_is_told_with_its_reason_and_once(void **state)
{
    struct world_spec spec = spec_move();
    struct told t;

    (void)state;
    spec.prevent_downgrade = true;
    t = device_with(spec);
    arm(&t);
    t.d->world.sim.mem[t.d->world.area[WORLD_SEC].base + 500] ^= 1;
    request(t.d, false);
    assert_int_equal(start(t.d), OLD);
    expect(&t, 0, DFU_HISTORY_REFUSED, OLD, NEW);
    assert_int_equal(entry(&t, 0).fault, DFU_IMAGE_HASH_MISMATCH);
    assert_int_equal(entry(&t, 0).reason, DFU_ERR_VERIFY);

    put_image(t.d, WORLD_SEC, 0, SIZE);
    request(t.d, false);
    assert_int_equal(start(t.d), OLD);
    assert_int_equal(entry(&t, 0).reason, DFU_ERR_PERM);
    assert_int_equal(entry(&t, 0).fault, DFU_IMAGE_FINE);
    expect_count(&t, 2);
    device_free(t.d);
}

/* Without room nothing is erased, so the request comes again at each start. */
static void what_is_refused_again_and_again_is_told_once(void **state)
{
    struct told t = device_with(spec_move());

    (void)state;
    arm(&t);
    wipe(t.d, WORLD_PRI, 0, t.d->world.area[WORLD_PRI].size);
    put_image(t.d, WORLD_PRI, OLD, 0x3ff0u - 0x1000u + 0x20u); /* larger than can be swapped */
    request(t.d, false);
    for (int i = 0; i < 3; i++) {
        start(t.d);
        assert_int_equal(t.d->last.result.update_err, DFU_ERR_NOSPACE);
        assert_int_equal(entry(&t, 0).reason, DFU_ERR_NOSPACE);
        assert_int_equal(entry(&t, 0).result, DFU_HISTORY_FAILED);
        expect_count(&t, 1);
    }
    device_free(t.d);
}

/* A whole update and its revert, cut once anywhere: the same entries, each once. */
static void no_cut_loses_mixes_or_repeats_an_entry(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_overwrite(), spec_overwrite_fast() };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        bool swaps = specs[i].mode == DFU_MODE_SWAP_MOVE;

        for (unsigned boot = 0; boot < (swaps ? 2u : 1u); boot++) {
            bool is_over = false;

            for (uint32_t op = 1; !is_over; op++) {
                for (uint64_t tear = 0; tear < 4; tear++) {
                    struct told t = device_with(specs[i]);

                    arm(&t);
                    request(t.d, false);
                    for (unsigned n = 0; n < boot; n++) {
                        start(t.d);
                    }
                    dfu_sim_flash_power_on(&t.d->world.sim);
                    dfu_sim_flash_cut(&t.d->world.sim,
                                      tear ? DFU_SIM_CUT_INSIDE : DFU_SIM_CUT_BEFORE, op,
                                      tear * 7 + op);
                    t.d->last = boot_world_start(&t.d->world);
                    is_over = t.d->last.err != DFU_ERR_POWER;
                    for (int n = 0; n < 4; n++) {
                        start(t.d);
                    }
                    assert_string_equal(ops_of(t.d), "");
                    if (swaps) {
                        expect(&t, 0, DFU_HISTORY_REVERTED, NEW, OLD);
                        expect(&t, 1, DFU_HISTORY_TRIAL, OLD, NEW);
                    } else {
                        expect(&t, 0, DFU_HISTORY_INSTALLED, OLD, NEW);
                        expect(&t, 1, DFU_HISTORY_BEGUN, OLD, NEW);
                    }
                    expect_count(&t, 2);
                    device_free(t.d);
                }
            }
        }
    }
}

static void the_ring_keeps_the_newest(void **state)
{
    struct told t = device_with(spec_move());
    struct dfu_history_entry e;
    uint32_t kept = 0, last = 0;

    (void)state;
    arm(&t);
    for (int i = 0; i < 20; i++) {
        request(t.d, false);
        assert_int_equal(start(t.d), NEW);
        assert_int_equal(start(t.d), OLD);
    }
    while (dfu_history_read(t.history.area, kept, &e) == DFU_OK) {
        assert_int_equal(e.result, kept % 2 ? DFU_HISTORY_TRIAL : DFU_HISTORY_REVERTED);
        assert_true(kept == 0 || e.number == last - 1);
        last = e.number;
        kept++;
    }
    assert_true(kept >= SECTOR / 32 && last + kept - 1 == 40);
    device_free(t.d);
}

static void a_history_that_can_not_be_kept_stops_no_update(void **state)
{
    struct told t = device_with(spec_move());
    struct dfu_area none = t.d->world.area[WORLD_SCR];
    struct dfu_sector_run run = { SECTOR, 1 };

    (void)state;
    none.size = SECTOR;
    none.runs = &run;
    arm(&t);
    t.history.area = &none;
    request(t.d, false);
    assert_int_equal(start(t.d), NEW);
    assert_int_equal(start(t.d), OLD);
    device_free(t.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_and_its_revert_are_told),
        cmocka_unit_test(a_confirmed_trial_is_told_at_the_next_start),
        cmocka_unit_test(an_update_for_good_is_told),
        cmocka_unit_test(a_refusal_is_told_with_its_reason_and_once),
        cmocka_unit_test(what_is_refused_again_and_again_is_told_once),
        cmocka_unit_test(no_cut_loses_mixes_or_repeats_an_entry),
        cmocka_unit_test(the_ring_keeps_the_newest),
        cmocka_unit_test(a_history_that_can_not_be_kept_stops_no_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
