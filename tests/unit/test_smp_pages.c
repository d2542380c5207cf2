/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Uploads that send only what differs: the server's side, driven by the real client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pages_world.h"

/* ---- What is sent ---- */

static void pages_that_the_slot_holds_are_neither_sent_nor_written(void **state)
{
    (void)state;
    pages_assert_sent(&new_image);
    assert_int_equal(pages_client.kept, 5 * PAGES_SECTOR);
    assert_int_equal(pages_client.copied, 0);
    assert_int_equal(pages_client.data_bytes, PAGES_SIZE - 5 * PAGES_SECTOR);
    /* The trailer; the sector of the old TLVs; three pages, of which the last once more. */
    assert_int_equal(w.nor->flash.erases, 1 + 1 + 3);
    assert_in_range(w.nor->flash.bytes_written, PAGES_SIZE - 5 * PAGES_SECTOR,
                    PAGES_SIZE - 5 * PAGES_SECTOR + 8);
}

static void pages_of_the_running_image_are_copied(void **state)
{
    (void)state;
    memcpy(new_image.data + 3 * PAGES_SECTOR, running_image.data + 3 * PAGES_SECTOR,
           2 * PAGES_SECTOR);
    pages_change(&new_image, 40);
    pages_assert_sent(&new_image);
    assert_int_equal(pages_client.kept, 3 * PAGES_SECTOR);
    assert_int_equal(pages_client.copied, 2 * PAGES_SECTOR);
}

static void a_page_that_both_slots_hold_is_kept(void **state)
{
    (void)state;
    memcpy(running_image.data + 4 * PAGES_SECTOR, old_image.data + 4 * PAGES_SECTOR, PAGES_SECTOR);
    world_program(&w, 0, 0, &running_image);
    pages_assert_sent(&new_image);
    assert_int_equal(pages_client.kept, 5 * PAGES_SECTOR);
    assert_int_equal(pages_client.copied, 0);
}

static void what_runs_can_be_uploaded_by_copying_it(void **state)
{
    (void)state;
    pages_change(&old_image, 4 * PAGES_SECTOR); /* in the slot as it was */
    pages_assert_sent(&running_image);
    assert_int_equal(pages_client.kept, 0);
    assert_int_equal(pages_client.copied, PAGES_SIZE - PAGES_SECTOR);
    assert_int_equal(pages_client.data_bytes, PAGES_SECTOR);
}

static void where_everything_differs_everything_is_sent(void **state)
{
    (void)state;
    image_free(&new_image);
    new_image = image_make((struct dfu_image_version){ 3, 0, 0, 0 }, 33333);
    pages_assert_sent(&new_image);
    assert_int_equal(pages_client.kept + pages_client.copied, 0);
    assert_int_equal(pages_client.data_bytes, 33333);
}

static void an_image_that_is_there_is_not_sent(void **state)
{
    (void)state;
    pages_assert_sent(&old_image);
    assert_int_equal(pages_client.sent, 1);
    assert_int_equal(w.nor->flash.erases, 0);
}

static void every_write_size_erased_value_and_sector_size_will_do(void **state)
{
    static const struct dfu_sector_run mixed[] = {
        { 4096, 2 }, { 8192, 1 }, { 4096, 3 }, { 16384, 1 }, { 4096, 5 }
    };
    static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };

    for (unsigned i = 0; i < 2 * sizeof(write_sizes); i++) {
        struct dfu_area areas[2];

        pages_end(state);
        pages_with_write_size(write_sizes[i / 2]);
        for (unsigned slot = 0; i % 2 && slot < 2; slot++) {
            areas[slot] = *world_slot(&w, 0, (uint8_t)slot);
            areas[slot].pages = &w.nor->run;
            areas[slot].page_run_count = 1;
            areas[slot].runs = mixed;
            areas[slot].run_count = 5;
        }
        if (i % 2) {
            w.map.images[0].primary = &areas[0];
            w.map.images[0].secondary = &areas[1];
            w.map.mode = DFU_MODE_OVERWRITE;
        }
        assert_int_equal(dfu_slot_map_check(&w.map, &(const char *){ NULL }), 0);
        pages_assert_sent(&new_image);
        /* Mixed: page 2 is one of 8192 bytes; behind it two of 4096 are equal, and one more. */
        assert_int_equal(pages_client.kept, i % 2 ? 4 * PAGES_SECTOR : 5 * PAGES_SECTOR);
    }
}

static void small_sectors_are_grouped_to_pages(void **state)
{
    struct dfu_area *area = &w.nor->areas[1];
    struct dfu_sector_run small = { 256, 16 * PAGES_SECTOR / 256 };

    (void)state;
    w.nor->run = (struct dfu_sector_run){ 256, 2 * 16 * PAGES_SECTOR / 256 };
    area->runs = &small;
    w.nor->areas[0].runs = &small;
    free(w.nor->flash.wear);
    w.nor->flash.wear = NULL;
    w.map.max_sectors = 512;
    pages_assert_sent(&new_image);
    /* 0, 8 (of byte 2 * 4096 + 77) and the last, which begins at 29 * 1024. */
    assert_int_equal(pages_client.kept, 27 * 1024);
}

static void in_a_slot_that_was_erased_first_erased_pages_are_kept_and_others_copied(void **state)
{
    (void)state;
    w.img.erase_progressively = false;
    memset(new_image.data + 3 * PAGES_SECTOR, 0xff, PAGES_SECTOR);
    memcpy(new_image.data + 5 * PAGES_SECTOR, running_image.data + 5 * PAGES_SECTOR, PAGES_SECTOR);
    pages_change(&new_image, 40);
    pages_assert_sent(&new_image);
    assert_int_equal(pages_client.kept, PAGES_SECTOR);
    assert_int_equal(pages_client.copied, PAGES_SECTOR);
}

/* ---- Going on ---- */

static bool slot_begins_as(const struct test_image *image)
{
    const struct dfu_area *area = world_slot(&w, 0, 1);

    return memcmp(w.nor->flash.mem + area->base, image->data, DFU_IMAGE_HEADER_SIZE) == 0;
}

/* After anything the same file is sent again by a client that knows nothing. */
static void assert_goes_on(uint32_t at_most)
{
    assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_NONE);
    if (strcmp(world_flags(&w, 0, 1), "absent") != 0) {
        /* Then it is one image and not two, but for what the power failed in: the sector of the
         * old TLVs, which is erased before a header is written, or the block of the new ones. */
        struct test_image start = slot_begins_as(&new_image) ? new_image : old_image;

        start.size -=
            slot_begins_as(&new_image) ? DFU_IMG_BLOCK_BUF_SIZE : PAGES_SIZE % PAGES_SECTOR;
        assert_slot_holds(&w, 0, 1, &start);
    }
    pages_assert_sent(&new_image);
    assert_in_range(pages_client.data_bytes, 0, at_most);
    assert_string_equal(world_flags(&w, 0, 1), "");
    assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
}

static void a_client_may_be_killed_after_any_packet(void **state)
{
    for (uint32_t packets = 1;; packets++) {
        for (int has_reset = 0; has_reset <= 1; has_reset++) {
            if (pages_send(&new_image, packets) == 0) {
                return;
            }
            if (has_reset) {
                world_reset(&w);
            }
            assert_goes_on(PAGES_SIZE - 5 * PAGES_SECTOR);
            pages_end(state);
            pages_begin(state);
        }
    }
}

static void power_may_fail_in_any_flash_operation(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        bool has_store = kind & 1, is_copied = kind & 2;

        for (uint32_t cut = 1;; cut++) {
            pages_end(state);
            pages_begin(state);
            w.img.store = has_store ? &w.store : NULL;
            if (is_copied) {
                memcpy(new_image.data + 3 * PAGES_SECTOR, running_image.data + 3 * PAGES_SECTOR,
                       2 * PAGES_SECTOR);
                pages_change(&new_image, 40);
            }
            dfu_sim_flash_power_on(&w.nor->flash);
            dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_INSIDE, cut, cut);
            if (pages_send(&new_image, UINT32_MAX) == 0) {
                assert_true(cut > 20); /* every operation was cut once */
                break;
            }
            dfu_sim_flash_power_on(&w.nor->flash);
            world_reset(&w);
            /* What was sent is not sent again, but for the page in which it broke off, and page 0
             * where nothing was stored. */
            assert_goes_on(PAGES_SIZE - 5 * PAGES_SECTOR + PAGES_SECTOR);
        }
    }
}

static void without_a_store_the_pages_tell_how_far_an_upload_came(void **state)
{
    uint32_t acked;

    (void)state;
    image_free(&new_image);
    new_image = image_make((struct dfu_image_version){ 3, 0, 0, 0 }, PAGES_SIZE);
    w.img.store = NULL;
    assert_int_equal(pages_send(&new_image, 40), DFU_CLIENT_RUNNING);
    acked = pages_client.acked;
    assert_in_range(acked, 5 * PAGES_SECTOR, PAGES_SIZE - PAGES_SECTOR);
    world_reset(&w);
    pages_assert_sent(&new_image);
    assert_in_range(pages_client.kept, acked - 2 * PAGES_SECTOR - DFU_IMG_BLOCK_BUF_SIZE,
                    acked - PAGES_SECTOR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pages_begin, pages_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_that_the_slot_holds_are_neither_sent_nor_written),
        TEST(pages_of_the_running_image_are_copied),
        TEST(a_page_that_both_slots_hold_is_kept),
        TEST(what_runs_can_be_uploaded_by_copying_it),
        TEST(where_everything_differs_everything_is_sent),
        TEST(an_image_that_is_there_is_not_sent),
        TEST(every_write_size_erased_value_and_sector_size_will_do),
        TEST(small_sectors_are_grouped_to_pages),
        TEST(a_client_may_be_killed_after_any_packet),
        TEST(power_may_fail_in_any_flash_operation),
        TEST(without_a_store_the_pages_tell_how_far_an_upload_came),
        TEST(in_a_slot_that_was_erased_first_erased_pages_are_kept_and_others_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
