/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What an application tells of the next start, against what the bootloader then does, for every
 * state of both trailers in the modes that choose a slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "upgrade.h"

#define SIZE   0x1064u
#define STATES 12 /* of one trailer: magic, copy_done, image_ok */

static const enum dfu_boot_mode modes[] = { DFU_MODE_DIRECT_XIP, DFU_MODE_DIRECT_XIP_REVERT,
                                            DFU_MODE_RAM_LOAD, DFU_MODE_RAM_LOAD_REVERT };

static bool reverts(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_DIRECT_XIP_REVERT || mode == DFU_MODE_RAM_LOAD_REVERT;
}

static void set_trailer(struct device *d, enum world_place place, unsigned state)
{
    const struct dfu_slot_map *map = &d->world.map;
    const struct dfu_area *area = &d->world.area[place];

    if (state % 3 == 1) {
        assert_int_equal(dfu_trailer_write_magic(map, area), 0);
    } else if (state % 3 == 2) {
        put_bytes(d, place, area->size - 16, "5a");
    }
    if (state / 3 % 2 == 1) {
        assert_int_equal(dfu_trailer_write_copy_done(map, area), 0);
    }
    if (state / 6 % 2 == 1) {
        assert_int_equal(dfu_trailer_write_image_ok(map, area), 0);
    }
}

/* An image runs only after its start was noted. */
static bool can_run_now(enum dfu_boot_mode mode, unsigned state)
{
    return !reverts(mode) || (state % 3 == 1 && state / 3 % 2 == 1);
}

static void what_is_told_of_the_next_start_is_what_happens(void **state)
{
    unsigned told[DFU_SWAP_FAIL + 1] = { 0 };

    (void)state;
    for (unsigned n = 0; n < 4 * 3 * STATES * STATES * 2; n++) {
        enum dfu_boot_mode mode = modes[n % 4];
        uint8_t first = (uint8_t)(1 + n / 4 % 3); /* against version 2 in the other slot */
        unsigned states[2] = { n / 12 % STATES, n / 12 / STATES % STATES };
        uint8_t active = (uint8_t)(n / 12 / STATES / STATES);
        struct world_spec spec = spec_equal(mode, true);
        struct device *d;
        int next;

        if (!can_run_now(mode, states[active])) {
            continue;
        }
        d = device_new(&spec);
        put_image_for_ram(d, WORLD_PRI, first, SIZE, WORLD_RAM_ADDR);
        put_image_for_ram(d, WORLD_SEC, 2, SIZE, WORLD_RAM_ADDR);
        set_trailer(d, WORLD_PRI, states[0]);
        set_trailer(d, WORLD_SEC, states[1]);
        next = dfu_mcuboot_next(&d->world.map, 0, active);
        assert_true(next == DFU_SWAP_NONE || next == DFU_SWAP_TEST || next == DFU_SWAP_PERM ||
                    next == DFU_SWAP_REVERT);
        told[next]++;
        (void)start(d);
        assert_int_equal(d->last.err, 0);
        assert_int_equal(d->last.result.places[0].slot,
                         next == DFU_SWAP_NONE ? active : 1 - active);
        device_free(d);
    }
    assert_true(told[DFU_SWAP_NONE] && told[DFU_SWAP_TEST] && told[DFU_SWAP_PERM] &&
                told[DFU_SWAP_REVERT]);
}

static void an_image_linked_for_one_slot_fits_no_other(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_DIRECT_XIP, true);
    struct device *d = device_new(&spec);
    struct dfu_image_header header = { .flags = DFU_IMAGE_F_ROM_FIXED,
                                       .load_addr = d->world.area[WORLD_SEC].base };

    (void)state;
    assert_false(dfu_boot_fits_slot(&d->world.map, &d->world.area[WORLD_PRI], &header));
    assert_true(dfu_boot_fits_slot(&d->world.map, &d->world.area[WORLD_SEC], &header));
    header.flags = 0;
    assert_true(dfu_boot_fits_slot(&d->world.map, &d->world.area[WORLD_PRI], &header));
    header.flags = DFU_IMAGE_F_ROM_FIXED;
    d->world.map.mode = DFU_MODE_SWAP_MOVE; /* everything runs from the primary there */
    assert_true(dfu_boot_fits_slot(&d->world.map, &d->world.area[WORLD_PRI], &header));
    device_free(d);
}

static void a_loader_that_never_moves_has_nothing_pending(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_FIRMWARE_LOADER, true);
    struct device *d = device_new(&spec);

    (void)state;
    put_image_for_ram(d, WORLD_PRI, OLD, SIZE, WORLD_RAM_ADDR);
    put_image_for_ram(d, WORLD_SEC, NEW, SIZE, WORLD_RAM_ADDR);
    set_trailer(d, WORLD_SEC, 1);
    assert_int_equal(dfu_mcuboot_next(&d->world.map, 0, 0), DFU_SWAP_NONE);
    assert_int_equal(dfu_mcuboot_next(&d->world.map, 0, 1), DFU_SWAP_NONE);
    assert_int_equal(dfu_mcuboot_next(&d->world.map, 0, 2), DFU_ERR_INVAL);
    assert_int_equal(dfu_mcuboot_next(&d->world.map, 1, 0), DFU_ERR_INVAL);
    device_free(d);
}

static void the_slot_that_runs_is_the_one_that_is_confirmed(void **state)
{
    struct world_spec spec = spec_equal(DFU_MODE_RAM_LOAD_REVERT, true);
    struct device *d = device_new(&spec);
    const struct dfu_area *second = &d->world.area[WORLD_SEC];

    (void)state;
    put_image_for_ram(d, WORLD_SEC, NEW, SIZE, WORLD_RAM_ADDR);
    assert_int_equal(dfu_boot_set_next(&d->world.map, second, false, false), 0);
    assert_false(dfu_boot_is_slot_confirmed(&d->world.map, second));
    assert_int_equal(start(d), NEW);
    assert_int_equal(dfu_boot_set_next(&d->world.map, second, true, true), 0);
    assert_true(dfu_boot_is_slot_confirmed(&d->world.map, second));
    assert_int_equal(trailer(d, WORLD_PRI).magic, DFU_MAGIC_UNSET);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_of_the_next_start_is_what_happens),
        cmocka_unit_test(an_image_linked_for_one_slot_fits_no_other),
        cmocka_unit_test(a_loader_that_never_moves_has_nothing_pending),
        cmocka_unit_test(the_slot_that_runs_is_the_one_that_is_confirmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
