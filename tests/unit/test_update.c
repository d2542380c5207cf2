/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Staged images and image state beyond Zephyr's own assertions (those are in test_zephyr_api.c):
 * what is refused and when, and what a power cut at any operation may leave. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/update.h"
#include "nor.h"

#define SECTOR 1024u
#define SLOT   (16 * SECTOR)

struct world {
    struct nor *nor;
    const struct dfu_area *primary, *secondary;
    struct dfu_slot_map map;
    struct dfu_flash_img img;
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
    uint8_t image[SLOT];
};

static struct world *new_world(enum dfu_boot_mode mode, uint8_t write_size, uint8_t erased)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->nor = nor_new(SECTOR, 32, write_size, erased);
    w->primary = nor_area(w->nor, "slot0_partition", 16);
    w->secondary = nor_area(w->nor, "slot1_partition", 16);
    w->map = (struct dfu_slot_map){
        .mode = mode,
        .max_align = (uint8_t)(write_size > 8 ? write_size : 8),
        .max_sectors = 16,
        .image_count = 1,
        .images = { { w->primary, w->secondary } },
    };
    assert_int_equal(dfu_slot_map_check(&w->map, NULL), DFU_OK);
    for (size_t i = 0; i < sizeof w->image; i++) {
        w->image[i] = (uint8_t)(i * 31 + (i >> 8) * 17 + 3);
    }
    return w;
}

static void free_world(struct world *w)
{
    nor_free(w->nor);
    free(w);
}

static int set_up(void **state)
{
    *state = new_world(DFU_MODE_SWAP_MOVE, 4, 0xff);
    return 0;
}

static int tear_down(void **state)
{
    free_world(*state);
    return 0;
}

/* ---- Staged images ---- */

static int open_writer(struct world *w, const struct dfu_area *area, uint32_t size,
                       bool erase_progressively)
{
    const struct dfu_flash_img_config config = { .buf = w->block,
                                                 .buf_len = sizeof w->block,
                                                 .erase_progressively = erase_progressively };

    return dfu_flash_img_init(&w->img, &w->map, area, size, &config);
}

static int stage(struct world *w, uint32_t size)
{
    int err = open_writer(w, w->secondary, size, true);

    for (uint32_t at = 0; !err && at < size; at += 100) {
        uint32_t n = size - at < 100 ? size - at : 100;

        err = dfu_flash_img_buffered_write(&w->img, w->image + at, n, at + n == size);
    }
    return err;
}

static void an_image_that_cannot_fit_is_refused_before_anything_is_erased(void **state)
{
    struct world *w = *state;
    uint32_t max = dfu_slot_max_image(&w->map, 0);

    assert_int_equal(open_writer(w, w->secondary, max + 1, true), DFU_ERR_NOSPACE);
    assert_int_equal(open_writer(w, w->secondary, UINT32_MAX, true), DFU_ERR_NOSPACE);
    assert_int_equal(w->nor->flash.ops, 0);
    assert_int_equal(stage(w, max), DFU_OK);
    assert_memory_equal(w->nor->flash.mem + SLOT, w->image, max);
}

static void an_image_of_unknown_size_may_grow_to_the_largest_and_no_further(void **state)
{
    struct world *w = *state;
    uint32_t max = dfu_slot_max_image(&w->map, 0);

    assert_int_equal(open_writer(w, w->secondary, 0, true), DFU_OK);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, max + 1, false),
                     DFU_ERR_NOSPACE);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, max, true), DFU_OK);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, 1, true), DFU_ERR_NOSPACE);
}

static void an_image_does_not_outgrow_the_size_it_announced(void **state)
{
    struct world *w = *state;

    assert_int_equal(open_writer(w, w->secondary, 101, true), DFU_OK);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, 102, true), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, 101, true), DFU_OK);
}

static void a_padded_image_brings_its_own_trailer(void **state)
{
    struct world *w = *state;
    struct dfu_slot_state found;
    static const uint8_t magic[16] = { 0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
                                       0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80 };

    memset(w->image + SLOT - 200, 0xff, 200);
    memcpy(w->image + SLOT - 16, magic, sizeof magic);
    assert_int_equal(stage(w, SLOT), DFU_OK);
    assert_int_equal(dfu_slot_state_read(&w->map, w->secondary, &found), DFU_OK);
    assert_int_equal(found.magic, DFU_MAGIC_GOOD);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_TEST);
}

static void an_area_outside_the_map_or_nothing_at_all_is_refused(void **state)
{
    struct world *w = *state;
    struct dfu_flash_img_config config = { .buf = w->block, .buf_len = sizeof w->block };
    struct dfu_area other = *w->secondary;

    assert_int_equal(open_writer(w, &other, 1, true), DFU_ERR_INVAL);
    assert_int_equal(dfu_flash_img_init(NULL, &w->map, w->secondary, 1, &config), DFU_ERR_INVAL);
    assert_int_equal(dfu_flash_img_init(&w->img, NULL, w->secondary, 1, &config), DFU_ERR_INVAL);
    assert_int_equal(open_writer(w, NULL, 1, true), DFU_ERR_INVAL);
    assert_int_equal(dfu_flash_img_init(&w->img, &w->map, w->secondary, 1, NULL), DFU_ERR_INVAL);
    config.buf = NULL;
    assert_int_equal(dfu_flash_img_init(&w->img, &w->map, w->secondary, 1, &config), DFU_ERR_INVAL);
    assert_int_equal(dfu_flash_img_buffered_write(NULL, w->image, 1, true), DFU_ERR_INVAL);
}

struct order {
    uint32_t erases_of_trailer, first_erase, first_write;
};

static void note_order(void *ctx, const struct dfu_sim_op *op)
{
    struct order *order = ctx;

    if (op->kind == DFU_SIM_ERASE && op->off == 2 * SLOT - SECTOR) {
        order->erases_of_trailer++;
    }
    if (op->kind == DFU_SIM_ERASE && order->first_erase == 0) {
        order->first_erase = op->off;
    }
    if (op->kind == DFU_SIM_WRITE && order->first_write == 0) {
        order->first_write = op->number;
    }
}

static void the_old_trailer_is_erased_first_and_once(void **state)
{
    struct world *w = *state;
    struct order order = { 0 };

    assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, true), DFU_OK);
    dfu_sim_flash_power_on(&w->nor->flash);
    w->nor->flash.on_op = note_order;
    w->nor->flash.on_op_ctx = &order;
    assert_int_equal(stage(w, 3 * SECTOR), DFU_OK);
    assert_int_equal(order.first_erase, 2 * SLOT - SECTOR);
    assert_int_equal(order.erases_of_trailer, 1);
    assert_true(order.first_write > 1);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
}

static void without_progressive_erase_a_slot_that_is_not_erased_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, false), DFU_OK);
    assert_int_equal(open_writer(w, w->secondary, 100, false), DFU_OK);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, 100, true), DFU_ERR_STATE);
    assert_int_equal(dfu_boot_erase_img_bank(w->secondary), DFU_OK);
    assert_int_equal(open_writer(w, w->secondary, 100, false), DFU_OK);
    assert_int_equal(dfu_flash_img_buffered_write(&w->img, w->image, 100, true), DFU_OK);
    assert_memory_equal(w->nor->flash.mem + SLOT, w->image, 100);
}

static void in_swap_using_offset_the_update_lies_one_sector_up(void **state)
{
    struct world *w = new_world(DFU_MODE_SWAP_OFFSET, 4, 0xff);

    (void)state;
    assert_int_equal(stage(w, 1000), DFU_OK);
    assert_memory_equal(w->nor->flash.mem + SLOT + SECTOR, w->image, 1000);
    assert_int_equal(dfu_area_is_erased(w->secondary, 0, SECTOR), 1);
    assert_int_equal(dfu_boot_get_image_start_offset(&w->map, w->secondary), SECTOR);
    assert_int_equal(dfu_boot_get_image_start_offset(&w->map, w->primary), 0);
    free_world(w);
}

static void in_swap_using_offset_the_header_of_an_old_image_goes(void **state)
{
    struct world *w = new_world(DFU_MODE_SWAP_OFFSET, 4, 0xff);

    (void)state;
    assert_int_equal(dfu_area_write(w->secondary, 0, "\x3d\xb8\xf3\x96", 4), DFU_OK);
    assert_int_equal(stage(w, 1000), DFU_OK);
    assert_int_equal(dfu_area_is_erased(w->secondary, 0, SECTOR), 1);
    free_world(w);
}

static void sectors_smaller_than_the_buffer_are_written_all_the_same(void **state)
{
    struct dfu_sector_run run = { 256, 64 };
    struct world *w = *state;
    struct dfu_area area = *w->secondary;
    uint32_t *wear = w->nor->flash.wear;

    w->nor->run = (struct dfu_sector_run){ 256, 128 };
    area.runs = &run;
    w->map.mode = DFU_MODE_OVERWRITE;
    w->map.max_sectors = 64;
    w->map.images[0].secondary = &area;
    w->nor->flash.wear = NULL; /* it was counted for fewer sectors */
    w->secondary = &area;
    assert_int_equal(stage(w, 3000), DFU_OK);
    assert_memory_equal(w->nor->flash.mem + SLOT, w->image, 3000);
    w->nor->flash.wear = wear;
}

/* However and wherever power fails while a new image is staged over an old one with a pending
 * request: as soon as a byte of the old image is gone, nothing is requested any more. */
static void a_torn_download_is_never_bootable(void **state)
{
    unsigned cuts = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        for (uint32_t op = 1;; op++) {
            struct world *w = new_world(DFU_MODE_SWAP_MOVE, 4, seed % 2 ? 0xff : 0x00);
            uint8_t before[SLOT];
            int err;

            assert_int_equal(stage(w, 4 * SECTOR), DFU_OK);
            assert_int_equal(dfu_boot_request_upgrade(&w->map, 0, true), DFU_OK);
            memcpy(before, w->nor->flash.mem + SLOT, SLOT);
            dfu_sim_flash_power_on(&w->nor->flash);
            dfu_sim_flash_cut(&w->nor->flash, (enum dfu_sim_cut_when)(1 + seed % 3), op, seed);
            err = stage(w, 5 * SECTOR);
            dfu_sim_flash_power_on(&w->nor->flash);
            if (memcmp(before, w->nor->flash.mem + SLOT, 4 * SECTOR) != 0) {
                assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
            }
            free_world(w);
            if (err == DFU_OK) {
                break;
            }
            assert_int_equal(err, DFU_ERR_POWER);
            cuts++;
        }
    }
    assert_true(cuts > 12 * 10);
}

/* ---- Requests and confirmation under power cuts ---- */

typedef int action(const struct dfu_slot_map *map);

static int request_test(const struct dfu_slot_map *map)
{
    return dfu_boot_request_upgrade(map, 0, false);
}

static int request_permanent(const struct dfu_slot_map *map)
{
    return dfu_boot_request_upgrade(map, 0, true);
}

static int confirm(const struct dfu_slot_map *map)
{
    return dfu_boot_write_img_confirmed(map, 0);
}

/* Run act with power failing at operation op; the device is powered again. */
static int cut_during(struct world *w, action *act, enum dfu_sim_cut_when when, uint32_t op,
                      uint64_t seed)
{
    int err;

    dfu_sim_flash_power_on(&w->nor->flash);
    dfu_sim_flash_cut(&w->nor->flash, when, op, seed);
    err = act(&w->map);
    dfu_sim_flash_power_on(&w->nor->flash);
    return err;
}

static void check_cut_request(bool permanent, uint8_t write_size, uint64_t seed)
{
    for (int when = DFU_SIM_CUT_BEFORE; when <= DFU_SIM_CUT_AFTER; when++) {
        int err = DFU_ERR_POWER;

        for (uint32_t op = 1; err != DFU_OK; op++) {
            struct world *w = new_world(DFU_MODE_SWAP_MOVE, write_size, 0xff);
            int type;

            err = cut_during(w, permanent ? request_permanent : request_test,
                             (enum dfu_sim_cut_when)when, op, seed);
            type = dfu_mcuboot_swap_type(&w->map, 0);
            if (err == DFU_OK) {
                assert_int_equal(type, permanent ? DFU_SWAP_PERM : DFU_SWAP_TEST);
            } else if (type != DFU_SWAP_NONE && type != DFU_SWAP_TEST) {
                assert_true(permanent);
                assert_int_equal(type, DFU_SWAP_PERM);
            }
            free_world(w);
        }
    }
}

static void a_cut_request_asks_for_nothing_or_for_no_more_than_was_meant(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        check_cut_request(seed % 2, (uint8_t)(1u << seed % 6), seed);
    }
}

static struct world *on_trial(uint8_t write_size)
{
    struct world *w = new_world(DFU_MODE_SWAP_MOVE, write_size, 0xff);

    assert_int_equal(dfu_trailer_write_magic(&w->map, w->primary), DFU_OK);
    assert_int_equal(dfu_trailer_write_copy_done(&w->map, w->primary), DFU_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_REVERT);
    assert_false(dfu_boot_is_img_confirmed(&w->map, 0));
    return w;
}

/* A torn flag is no longer erased, so nothing reverts; that is what a confirmed image is. */
static void a_cut_confirmation_either_stands_or_can_be_given_again(void **state)
{
    unsigned torn = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct world *w = on_trial((uint8_t)(1u << seed % 6));
        struct dfu_slot_state found;
        int type;

        w->nor->flash.allow_reprogram = true;
        assert_int_equal(cut_during(w, confirm, DFU_SIM_CUT_INSIDE, 1, seed), DFU_ERR_POWER);
        assert_int_equal(dfu_slot_state_read(&w->map, w->primary, &found), DFU_OK);
        torn += found.image_ok == DFU_FLAG_BAD;
        type = dfu_mcuboot_swap_type(&w->map, 0);
        assert_int_equal(type == DFU_SWAP_REVERT, !dfu_boot_is_img_confirmed(&w->map, 0));
        assert_int_equal(confirm(&w->map), DFU_OK);
        assert_true(dfu_boot_is_img_confirmed(&w->map, 0));
        assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
        free_world(w);
    }
    assert_true(torn > 20);
}

static void a_pending_test_does_not_become_permanent(void **state)
{
    struct world *w = *state;
    uint32_t writes;

    assert_int_equal(request_test(&w->map), DFU_OK);
    writes = w->nor->flash.writes;
    assert_int_equal(request_permanent(&w->map), DFU_OK);
    assert_int_equal(w->nor->flash.writes, writes);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_TEST);
}

static void confirming_without_a_trailer_writes_nothing(void **state)
{
    struct world *w = *state;

    assert_int_equal(confirm(&w->map), DFU_OK);
    assert_int_equal(w->nor->flash.writes, 0);
    assert_true(dfu_boot_is_img_confirmed(&w->map, 0));
}

static void put_byte(struct world *w, const struct dfu_area *area, uint32_t off, uint8_t value)
{
    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, area->base + off, &value, 1), DFU_OK);
}

static void a_damaged_request_trailer_is_reported_not_believed(void **state)
{
    struct world *w = *state;

    put_byte(w, w->secondary, SLOT - 1, 0x12); /* magic */
    assert_int_equal(request_test(&w->map), DFU_ERR_STATE);
    assert_int_equal(dfu_boot_erase_img_bank(w->secondary), DFU_OK);
    put_byte(w, w->secondary, SLOT - 24, 0x01); /* image_ok without magic: would be for good */
    assert_int_equal(request_test(&w->map), DFU_ERR_STATE);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(dfu_boot_erase_img_bank(w->secondary), DFU_OK);
    assert_int_equal(request_test(&w->map), DFU_OK);
    put_byte(w, w->secondary, SLOT - 24, 0x71); /* torn: the loader ignores such a request */
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(request_permanent(&w->map), DFU_ERR_STATE);
}

static void a_damaged_primary_trailer_is_not_confirmed(void **state)
{
    struct world *w = *state;

    put_byte(w, w->primary, SLOT - 1, 0x12);
    assert_int_equal(confirm(&w->map), DFU_ERR_STATE);
    assert_int_equal(w->nor->flash.writes, 0);
    assert_false(dfu_boot_is_img_confirmed(&w->map, 0));
}

static void an_unreadable_primary_is_a_panic_and_unconfirmed(void **state)
{
    struct world *w = *state;

    w->nor->flash.is_off = true;
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_PANIC);
    assert_false(dfu_boot_is_img_confirmed(&w->map, 0));
    assert_int_equal(request_test(&w->map), DFU_ERR_POWER);
    w->nor->flash.is_off = false;
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 1), DFU_ERR_INVAL);
    assert_int_equal(dfu_boot_request_upgrade(&w->map, 1, false), DFU_ERR_INVAL);
    assert_int_equal(dfu_boot_write_img_confirmed(&w->map, 1), DFU_ERR_INVAL);
    assert_false(dfu_boot_is_img_confirmed(&w->map, 1));
}

static void a_single_slot_has_nothing_to_request(void **state)
{
    struct world *w = *state;

    w->map.mode = DFU_MODE_SINGLE_SLOT;
    w->map.images[0].secondary = NULL;
    assert_int_equal(request_permanent(&w->map), DFU_OK);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(w->nor->flash.writes, 0);
    assert_int_equal(open_writer(w, w->primary, 100, true), DFU_OK);
}

static void in_direct_xip_a_slot_becomes_a_candidate_then_confirmed(void **state)
{
    struct world *w = new_world(DFU_MODE_DIRECT_XIP_REVERT, 4, 0xff);
    struct dfu_slot_state found;

    (void)state;
    assert_int_equal(request_test(&w->map), DFU_OK);
    assert_int_equal(dfu_slot_state_read(&w->map, w->secondary, &found), DFU_OK);
    assert_int_equal(found.magic, DFU_MAGIC_GOOD);
    assert_int_equal(found.copy_done, DFU_FLAG_UNSET);
    assert_int_equal(w->nor->flash.writes, 1);
    assert_int_equal(dfu_boot_set_next(&w->map, w->secondary, true, true), DFU_OK);
    assert_int_equal(dfu_slot_state_read(&w->map, w->secondary, &found), DFU_OK);
    assert_int_equal(found.copy_done, DFU_FLAG_SET);
    assert_int_equal(found.image_ok, DFU_FLAG_SET);
    assert_int_equal(dfu_boot_set_next(&w->map, w->secondary, true, true), DFU_OK);
    assert_int_equal(w->nor->flash.writes, 3);
    free_world(w);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(an_image_that_cannot_fit_is_refused_before_anything_is_erased),
        IN_WORLD(an_image_of_unknown_size_may_grow_to_the_largest_and_no_further),
        IN_WORLD(an_image_does_not_outgrow_the_size_it_announced),
        IN_WORLD(a_padded_image_brings_its_own_trailer),
        IN_WORLD(an_area_outside_the_map_or_nothing_at_all_is_refused),
        IN_WORLD(the_old_trailer_is_erased_first_and_once),
        IN_WORLD(without_progressive_erase_a_slot_that_is_not_erased_is_refused),
        cmocka_unit_test(in_swap_using_offset_the_update_lies_one_sector_up),
        cmocka_unit_test(in_swap_using_offset_the_header_of_an_old_image_goes),
        IN_WORLD(sectors_smaller_than_the_buffer_are_written_all_the_same),
        cmocka_unit_test(a_torn_download_is_never_bootable),
        cmocka_unit_test(a_cut_request_asks_for_nothing_or_for_no_more_than_was_meant),
        cmocka_unit_test(a_cut_confirmation_either_stands_or_can_be_given_again),
        IN_WORLD(a_pending_test_does_not_become_permanent),
        IN_WORLD(confirming_without_a_trailer_writes_nothing),
        IN_WORLD(a_damaged_request_trailer_is_reported_not_believed),
        IN_WORLD(a_damaged_primary_trailer_is_not_confirmed),
        IN_WORLD(an_unreadable_primary_is_a_panic_and_unconfirmed),
        IN_WORLD(a_single_slot_has_nothing_to_request),
        cmocka_unit_test(in_direct_xip_a_slot_becomes_a_candidate_then_confirmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
