/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What dfu_boot_look() foretells is what dfu_boot() then does: for every state of both trailers,
 * for swaps that were cut, and for flash that makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/sim_flash.h"
#include "upgrade.h"

#define OLD_SIZE  0x2064u
#define NEW_SIZE  0x21f4u
#define RANDOM    3000u
#define SEED      20u
#define MAX_IMAGE 0x3000u /* of spec_move: one sector for the trailer, one to move */

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice >> 33) % sides;
}

/* Look, start, compare. */
static void expect_as_foretold(struct device *d)
{
    struct dfu_boot_outlook outlook;
    uint8_t *before = malloc(d->world.state_size);
    uint8_t *after = malloc(d->world.state_size);
    struct dfu_boot_result *result = &d->last.result;
    bool fills;

    assert_non_null(before);
    assert_non_null(after);
    dfu_sim_flash_power_on(&d->world.sim);
    boot_world_keep(&d->world, before);
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, &outlook), DFU_OK);
    boot_world_keep(&d->world, after);
    assert_memory_equal(before, after, d->world.state_size);

    start(d);
    fills = outlook.why == DFU_BOOT_WHY_EMPTY_PRIMARY ||
            (d->world.cfg.bootstrap && !dfu_verdict_is_trusted(&outlook.primary_report.verdict));
    if (fills && result->update_err == DFU_ERR_STATE) {
        outlook.swap = DFU_SWAP_NONE; /* the copy brought flags along that cannot be set again */
        outlook.update_err = DFU_ERR_STATE;
    }
    assert_int_equal(outlook.swap, result->swap[0]);
    assert_int_equal(outlook.resumes, result->resumed);
    if (outlook.why != DFU_BOOT_WHY_BLOCKED && outlook.why != DFU_BOOT_WHY_RECORDS) {
        assert_int_equal(outlook.update_err, result->update_err);
    }
    if (outlook.why == DFU_BOOT_WHY_TABLE && outlook.swap != DFU_SWAP_NONE) {
        assert_int_equal(outlook.swap, outlook.asked);
    }
    if (outlook.swap == DFU_SWAP_NONE && !outlook.resumes && d->last.err == DFU_OK && !fills) {
        assert_true(dfu_verdict_is_trusted(&outlook.primary_report.verdict));
    }
    free(before);
    free(after);
}

static const char *const flags[] = { "", "01", "0f" };

static void set_flag(struct device *d, enum world_place place, uint32_t off, unsigned state)
{
    if (state > 0) {
        put_bytes(d, place, off, flags[state]);
    }
}

static void set_magic(struct device *d, enum world_place place, uint32_t off, unsigned state)
{
    if (state > 0) {
        put_bytes(d, place, off,
                  state == 1 ? "77c295f360d2ef7f3552500f2cb67980"
                             : "77c295f360d2ef7f3552500f2cb67981");
    }
}

/* The n-th of 3^3 trailers, of either slot. */
static void set_trailer(struct device *d, enum world_place place, unsigned n)
{
    uint32_t end = d->world.area[place].size;

    set_magic(d, place, end - 16, n % 3);
    set_flag(d, place, end - 24, n / 3 % 3);
    set_flag(d, place, end - 32, n / 9 % 3);
}

static void every_state_of_both_trailers_is_foretold(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_overwrite(), spec_overwrite_fast(),
                                        spec_offset(), spec_scratch() };

    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof specs[0]; s++) {
        for (unsigned n = 0; n < 27 * 27; n++) {
            struct device *d = device_new(&specs[s]);

            put_image(d, WORLD_PRI, OLD, OLD_SIZE);
            put_image(d, WORLD_SEC, NEW, NEW_SIZE);
            set_trailer(d, WORLD_PRI, n % 27);
            set_trailer(d, WORLD_SEC, n / 27);
            expect_as_foretold(d);
            expect_as_foretold(d);
            device_free(d);
        }
    }
}

static void every_cut_of_an_upgrade_and_of_a_revert_is_foretold(void **state)
{
    const struct world_spec specs[] = { spec_move(), spec_overwrite(), spec_overwrite_fast(),
                                        spec_offset(), spec_scratch() };

    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof specs[0]; s++) {
        for (uint32_t op = 1, done = 0; !done; op++) {
            struct device *d = device_new(&specs[s]);

            put_image(d, WORLD_PRI, OLD, OLD_SIZE);
            put_image(d, WORLD_SEC, NEW, NEW_SIZE);
            request(d, op % 2 == 0);
            dfu_sim_flash_power_on(&d->world.sim);
            dfu_sim_flash_cut(&d->world.sim, DFU_SIM_CUT_INSIDE, op, op * 77);
            d->last = boot_world_start(&d->world);
            done = d->last.err != DFU_ERR_POWER;
            for (int boots = 0; boots < 3; boots++) {
                expect_as_foretold(d);
            }
            device_free(d);
        }
    }
}

static void put_something(struct device *d, enum world_place place, uint8_t major)
{
    static const uint32_t sizes[] = { 100, OLD_SIZE, NEW_SIZE, MAX_IMAGE, MAX_IMAGE + 8 };
    uint32_t size = sizes[roll(5)];

    switch (roll(6)) {
    case 0: return;
    case 1: put_bytes(d, place, 0, "3db8f396000000002000"); return; /* a header, no more */
    case 2:
        put_image(d, place, major, size);
        d->world.sim.mem[d->world.area[place].base + size / 2] ^= 1; /* wrong hash */
        return;
    case 3: put_image_with(d, place, major, size, DFU_IMAGE_F_NON_BOOTABLE); return;
    default: put_image(d, place, major, size); return;
    }
}

/* Anything that may stand in the primary's trailer: types, sizes, records with and without gaps. */
static void put_journal(struct device *d)
{
    static const char *const types[] = { "01", "02", "03", "04", "05", "12" };
    static const char *const sizes[] = { "f4210000", "64200000", "00000000", "ffffff7f" };
    uint32_t end = d->world.area[WORLD_PRI].size;

    if (roll(2) == 0) {
        put_bytes(d, WORLD_PRI, end - 40, types[roll(6)]);
    }
    if (roll(2) == 0) {
        put_bytes(d, WORLD_PRI, end - 48, sizes[roll(4)]);
    }
    for (uint32_t n = roll(12), i = 0; roll(2) == 0 && i < n; i++) {
        if (roll(8) > 0) {
            uint32_t at = i < 3 ? i : 128 + i - 3;

            put_bytes(d, WORLD_PRI, end - 3120 + at * 8, i % 2 ? "02" : "01");
        }
    }
}

static void any_flash_at_all_is_foretold(void **state)
{
    (void)state;
    dice = SEED;
    for (unsigned n = 0; n < RANDOM; n++) {
        const struct world_spec specs[] = { spec_move(), spec_overwrite(), spec_overwrite_fast(),
                                            spec_offset(), spec_scratch() };
        struct world_spec spec = specs[roll(5)];
        struct device *d;

        spec.prevent_downgrade = roll(4) == 0;
        spec.bootstrap = roll(4) == 0;
        d = device_new(&spec);
        put_something(d, WORLD_PRI, (uint8_t)(1 + roll(3)));
        put_something(d, WORLD_SEC, (uint8_t)(1 + roll(3)));
        dfu_sim_flash_adopt(&d->world.sim);
        set_trailer(d, WORLD_PRI, roll(27));
        set_trailer(d, WORLD_SEC, roll(27));
        put_journal(d);
        dfu_sim_flash_adopt(&d->world.sim);
        for (int boots = 0; boots < 3; boots++) {
            expect_as_foretold(d);
        }
        device_free(d);
    }
}

static void look(struct device *d, struct dfu_boot_outlook *out)
{
    dfu_sim_flash_power_on(&d->world.sim);
    assert_int_equal(dfu_boot_look(&d->world.cfg, 0, out), DFU_OK);
}

static void the_reason_is_the_rule_that_decided(void **state)
{
    struct world_spec spec = spec_move();
    struct device *d = device_new(&spec);
    struct dfu_boot_outlook out;

    (void)state;
    put_image(d, WORLD_PRI, OLD, OLD_SIZE);
    put_image(d, WORLD_SEC, NEW, NEW_SIZE);
    look(d, &out);
    assert_int_equal(out.why, DFU_BOOT_WHY_TABLE);
    assert_int_equal(out.rule, DFU_SWAP_RULE_NONE);

    request(d, false);
    look(d, &out);
    assert_int_equal(out.rule, DFU_SWAP_RULE_TEST);
    assert_int_equal(out.asked, DFU_SWAP_TEST);

    start_cut(d, DFU_SIM_CUT_BEFORE, 6, 0); /* all prepared, no step done */
    look(d, &out);
    assert_int_equal(out.why, DFU_BOOT_WHY_TRAILER);
    start_cut(d, DFU_SIM_CUT_BEFORE, 20, 0);
    look(d, &out);
    assert_int_equal(out.why, DFU_BOOT_WHY_RECORDS);
    assert_true(out.resumes);

    assert_int_equal(start(d), NEW);
    look(d, &out);
    assert_int_equal(out.why, DFU_BOOT_WHY_TABLE);
    assert_int_equal(out.rule, DFU_SWAP_RULE_REVERT);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_is_the_rule_that_decided),
        cmocka_unit_test(every_state_of_both_trailers_is_foretold),
        cmocka_unit_test(every_cut_of_an_upgrade_and_of_a_revert_is_foretold),
        cmocka_unit_test(any_flash_at_all_is_foretold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
