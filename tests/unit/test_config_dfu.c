/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Updates through the configuration channel, alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_world.h"
#include "dfu/update.h"
#include "hex.h"

static void an_image_is_stored_and_asked_for(void **state)
{
    (void)state;
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_TEST);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_COMPLETE], 1);
    assert_null(dfu_lock_owner_get(&config_world.lock));
}

static void every_write_size_takes_images_of_any_length(void **state)
{
    static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };

    (void)state;
    for (size_t i = 0; i < sizeof write_sizes; i++) {
        for (uint32_t size = 3000; size < 3000 + 33; size += 4) {
            config_free(NULL);
            config_new(write_sizes[i], size);
            assert_true(config_transfer(&config_world, &config_image));
            assert_slot_holds(&config_world.img, 0, 1, &config_image);
            assert_int_equal(config_world.img.nor->flash.double_programs, 0);
        }
    }
}

static void what_lay_in_the_slot_is_erased_first_and_only_then(void **state)
{
    struct test_image old = image_make((struct dfu_image_version){ .major = 1 }, 9000);

    (void)state;
    world_program(&config_world.img, 0, 1, &old);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    config_pass(&config_world, 100);
    assert_slot_holds(&config_world.img, 0, 1, &old); /* starting the device erases nothing */
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_CLEANING);
    assert_non_null(dfu_lock_owner_get(&config_world.lock));
    config_pass(&config_world, CONFIG_SECTORS + 1);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_int_equal(
        dfu_area_is_erased(config_slot(&config_world), 0, config_slot(&config_world)->size), 1);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 1);
    assert_null(dfu_lock_owner_get(&config_world.lock));
    assert_int_equal(config_world.img.nor->flash.erases,
                     3); /* of the sectors that held something */
    assert_true(config_transfer(&config_world, &config_image));
    image_free(&old);
}

static void a_start_during_the_erase_does_not_delay_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= CONFIG_SECTORS + 1; i++) {
        config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
        config_pass(&config_world, 1);
    }
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 1);
}

static void only_the_same_image_is_gone_on_with(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 4096);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS);
    config_start(&config_world, config_image.size, config_checksum(&config_image) + 1, 4096);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    config_start(&config_world, config_image.size + 1, config_checksum(&config_image), 4096);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    config_start(&config_world, config_image.size, config_checksum(&config_image), 4092);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    config_start(&config_world, config_image.size, config_checksum(&config_image), 4096);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE);
}

static void data_and_storing_keep_the_update_alive(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_data(&config_world, config_image.data, 1);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS - 1);
    config_data(&config_world, config_image.data + 1, 1);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS - 1);
    config_data(&config_world, config_image.data + 2, 6);
    config_sync(&config_world);
    for (unsigned i = 0; i < 2u * DFU_CONFIG_DFU_TIMEOUT_MS / DFU_CONFIG_DFU_STORE_MS; i++) {
        dfu_config_dfu_note_use(&config_world.dfu);
        config_pass(&config_world, DFU_CONFIG_DFU_STORE_MS);
    }
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_TIMED_OUT], 0);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_STORING);
}

static void a_broken_off_update_goes_on_where_it_was(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 4096);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_TIMED_OUT], 1);
    assert_null(dfu_lock_owner_get(&config_world.lock));
    assert_true(config_begin(&config_world, &config_image, &offset));
    assert_int_equal(offset, 4096);
    config_send(&config_world, &config_image, offset, config_image.size);
    assert_int_equal(config_sync(&config_world).offset, config_image.size);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_TEST);
}

static void another_image_starts_over_in_a_clean_slot(void **state)
{
    struct test_image other = image_make((struct dfu_image_version){ .major = 3 }, 7000);
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 4096);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_true(config_transfer(&config_world, &other));
    assert_slot_holds(&config_world.img, 0, 1, &other);
    assert_true(
        config_transfer(&config_world, &config_image)); /* and the same once one was complete */
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    image_free(&other);
}

static void bytes_that_fill_no_unit_wait_for_the_next(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_data(&config_world, config_image.data, 3);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE);
    assert_int_equal(config_sync(&config_world).offset, 3);
    config_data(&config_world, config_image.data + 3, 6);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_STORING);
    config_pass(&config_world, 10);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE);
    assert_int_equal(config_sync(&config_world).offset, 9);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(config_sync(&config_world).offset, 8); /* the ninth is gone with the buffer */
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

static void a_wrong_checksum_is_not_asked_for_unless_it_does_not_matter(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_image.data[500] ^= 1;
    config_send(&config_world, &config_image, 0, config_image.size);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_BAD_CHECKSUM], 1);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_NONE);
    assert_int_equal(config_sync(&config_world).offset, 0);

    config_image.data[500] ^= 1;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_world.dfu.keep_any = true;
    config_image.data[500] ^= 1;
    config_send(&config_world, &config_image, 0, config_image.size);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_TEST);
}

static void starts_that_make_no_sense_are_ignored(void **state)
{
    uint8_t data[12] = { 0xe8, 0x03 }, out[DFU_CONFIG_DATA_MAX];
    uint32_t offset;

    (void)state;
    config_transact(&config_world, DFU_CONFIG_SET, DFU_CONFIG_DFU_START, data, sizeof data - 1,
                    out);
    config_start(&config_world, 0, 1, 0);
    config_start(&config_world, config_slot(&config_world)->size, 1, 0); /* no room for a trailer */
    config_start(&config_world, UINT32_MAX, 1, 0);
    config_start(&config_world, 1000, 1, 4);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_null(dfu_lock_owner_get(&config_world.lock));

    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 512);
    config_data(&config_world, config_image.data + 512, 5);
    config_start(&config_world, 999, 9, 0); /* one runs: nothing of it may change */
    assert_int_equal(config_sync(&config_world).length, config_image.size);
    config_data(&config_world, config_image.data + 517, 20);
    config_pass(&config_world, 20);
    config_send(&config_world, &config_image, 537, 768);
    config_send(&config_world, &config_image, 768, config_image.size);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

static void data_beyond_buffer_or_image_is_cut(void **state)
{
    uint32_t offset;

    (void)state;
    config_data(&config_world, config_image.data, 5); /* nothing runs */
    assert_int_equal(config_world.img.nor->flash.ops, 0);
    assert_true(config_begin(&config_world, &config_image, &offset));
    for (uint32_t at = 0; at <= CONFIG_BUF; at += 25) {
        config_data(&config_world, config_image.data + at, 25);
    }
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_TRUNCATED], 1);
    while (config_sync(&config_world).state == DFU_CONFIG_DFU_STORING) {
        config_pass(&config_world, 50);
    }
    assert_int_equal(config_sync(&config_world).offset, CONFIG_BUF);
    config_send(&config_world, &config_image, CONFIG_BUF, config_image.size - 1);
    config_data(&config_world, config_image.data + config_image.size - 1, 1);
    config_data(&config_world, config_image.data, 25);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_TRUNCATED], 2);
    while (config_sync(&config_world).state == DFU_CONFIG_DFU_STORING) {
        config_pass(&config_world, 50);
    }
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

static void the_way_back_of_an_image_on_trial_is_not_erased(void **state)
{
    const struct dfu_area *primary = world_slot(&config_world.img, 0, 0);
    struct test_image old = image_make((struct dfu_image_version){ .major = 1 }, 9000);

    (void)state;
    world_program(&config_world.img, 0, 1, &old);
    config_world.img.guards_active = false;
    assert_int_equal(dfu_trailer_write_magic(&config_world.img.map, primary), 0);
    assert_int_equal(dfu_trailer_write_copy_done(&config_world.img.map, primary), 0);
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_KEEPS], 1);
    assert_null(dfu_lock_owner_get(&config_world.lock));
    config_pass(&config_world, 100);
    assert_slot_holds(&config_world.img, 0, 1, &old);
    assert_int_equal(dfu_boot_write_img_confirmed(&config_world.img.map, 0), 0);
    assert_true(config_transfer(&config_world, &config_image));
    image_free(&old);
}

static void empty_data_ends_the_update(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_data(&config_world, config_image.data, 0);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_null(dfu_lock_owner_get(&config_world.lock));
}

static void work_waits_while_the_device_is_in_use(void **state)
{
    uint32_t offset, ops;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_data(&config_world, config_image.data, 25);
    config_sync(&config_world);
    ops = config_world.img.nor->flash.ops;
    for (int i = 0; i < 200; i++) {
        dfu_config_dfu_note_use(&config_world.dfu);
        config_pass(&config_world, DFU_CONFIG_DFU_STORE_MS);
    }
    assert_int_equal(config_world.img.nor->flash.ops, ops);
    config_pass(&config_world, (uint64_t)4 * DFU_CONFIG_DFU_STORE_MS);
    assert_true(config_world.img.nor->flash.ops > ops);

    config_data(&config_world, NULL, 0);
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    ops = config_world.img.nor->flash.ops;
    dfu_config_dfu_note_use(&config_world.dfu);
    config_pass(&config_world, DFU_CONFIG_DFU_ERASE_RETRY_MS - 1);
    assert_int_equal(config_world.img.nor->flash.ops, ops);
    config_pass(&config_world, CONFIG_SECTORS + 2);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 2);
}

static void flash_that_fails_ends_the_update_and_the_next_start_tries_again(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    dfu_sim_flash_cut(&config_world.img.nor->flash, DFU_SIM_CUT_BEFORE,
                      config_world.img.nor->flash.ops + 1, 0);
    config_data(&config_world, config_image.data, 25);
    config_sync(&config_world);
    config_pass(&config_world, 10);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 1);
    assert_int_equal(config_sync(&config_world).length, 0); /* what lies in the slot is not known */
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    config_pass(&config_world, 10);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 2);
    assert_null(dfu_lock_owner_get(&config_world.lock));
    dfu_sim_flash_power_on(&config_world.img.nor->flash);
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

/* A sector that reads erased is passed over by the next erase, so it must not be programmed. */
static void erased_bytes_in_an_image_are_not_programmed(void **state)
{
    struct test_image other = image_make((struct dfu_image_version){ .major = 3 }, 10001);

    (void)state;
    memset(config_image.data + 2001, 0xff, 8000); /* its end, and all of a sector */
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_true(config_transfer(&config_world, &other));
    assert_slot_holds(&config_world.img, 0, 1, &other);
    assert_int_equal(config_world.img.nor->flash.double_programs, 0);
    image_free(&other);
}

/* The writer of all links looks at the trailer before the first byte: what an application asked for
 * meanwhile must not make a torn update bootable. */
static void under_a_request_nothing_is_written_and_the_next_start_erases_it(void **state)
{
    uint32_t offset, writes;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    assert_int_equal(dfu_boot_request_upgrade(&config_world.img.map, 0, false), 0);
    writes = config_world.img.nor->flash.writes;
    config_data(&config_world, config_image.data, 25);
    config_sync(&config_world);
    config_pass(&config_world, 10);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 1);
    assert_int_equal(config_world.img.nor->flash.writes, writes);
    assert_null(dfu_lock_owner_get(&config_world.lock));
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(config_world.img.nor->flash.double_programs, 0);
}

/* 16 bytes at a time, or a unit where that is larger: the device has other things to do. */
static void it_is_stored_in_small_pieces(void **state)
{
    static const struct {
        uint8_t write_size, piece;
    } devices[] = { { 1, 16 }, { 4, 16 }, { 16, 16 }, { 32, 32 } };

    (void)state;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        uint32_t offset, writes;

        config_free(NULL);
        config_new(devices[i].write_size, 5000);
        assert_true(config_begin(&config_world, &config_image, &offset));
        for (uint32_t at = 0; at < 125; at += 25) {
            config_data(&config_world, config_image.data + at, 25);
        }
        config_sync(&config_world);
        writes = config_world.img.nor->flash.writes;
        for (uint32_t n = 1; n <= 3; n++) {
            config_pass(&config_world, DFU_CONFIG_DFU_STORE_MS);
            assert_int_equal(config_world.img.nor->flash.writes, writes + n);
            assert_int_equal(config_world.dfu.offset, n * devices[i].piece);
        }
    }
}

static void after_flash_failed_everything_is_erased_whatever_it_reads_as(void **state)
{
    uint32_t offset, erases;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    erases = config_world.img.nor->flash.erases;
    dfu_sim_flash_cut(&config_world.img.nor->flash, DFU_SIM_CUT_INSIDE,
                      config_world.img.nor->flash.ops + 1, 0);
    config_data(&config_world, config_image.data, 25);
    config_sync(&config_world);
    config_pass(&config_world, 10);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 1);
    dfu_sim_flash_power_on(&config_world.img.nor->flash);
    assert_true(config_transfer(&config_world, &config_image));
    assert_int_equal(config_world.img.nor->flash.erases, erases + CONFIG_SECTORS);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(dfu_mcuboot_swap_type(&config_world.img.map, 0), DFU_SWAP_TEST);
}

static void the_device_restarts_a_quarter_second_after_it_said_so(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    assert_int_equal(
        config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_REBOOT, NULL, 0, out), 1);
    assert_int_equal(out[0], 1);
    assert_false(config_world.dfu.is_running);
    assert_non_null(dfu_lock_owner_get(&config_world.lock)); /* nobody starts anything now */
    assert_int_equal(dfu_config_dfu_due_ms(&config_world.dfu),
                     config_world.now_ms + DFU_CONFIG_DFU_REBOOT_MS);
    config_pass(&config_world, DFU_CONFIG_DFU_REBOOT_MS - 1);
    assert_int_equal(config_world.reboots, 0);
    config_pass(&config_world, 1);
    assert_int_equal(config_world.reboots, 1);
}

static void firmware_and_device_are_told(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    size_t len;

    (void)state;
    assert_int_equal(
        config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_FWINFO, NULL, 0, out), 13);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[5], 1); /* the version that runs: 1.0.0 */
    len = config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_VARIANT, NULL, 0, out);
    assert_hex(out, len, "4d 43 55 42 4f 4f 54");
    config_world.img.map.mode = DFU_MODE_DIRECT_XIP;
    len = config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_VARIANT, NULL, 0, out);
    assert_hex(out, len, "4d 43 55 42 4f 4f 54 2b 58 49 50");
    len = config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_DEVINFO, NULL, 0, out);
    assert_hex(out, len, "15 19 de 52 67 65 6e 31");
    config_world.dfu.active = 1;
    assert_int_equal(
        config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_FWINFO, NULL, 0, out), 0);
}

static void the_worked_examples_are_followed_to_the_byte(void **state)
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE];
    uint8_t content[512] = { 0 };
    struct test_image zeros = { .data = content, .size = 1024 };

    (void)state;
    for (int i = 0; i < 2; i++) { /* the first erases */
        hex_bytes("06 00 01 06 0c 00 04 00 00 65 2d 8f dc 00 00 00 00", report, sizeof report);
        assert_int_equal(
            dfu_config_channel_set_report(&config_world.channel, report, 17, config_world.now_ms),
            0);
        config_pass(&config_world, 20);
    }
    config_send(&config_world, &zeros, 0, 256);
    config_send(&config_world, &zeros, 256, 512);
    hex_bytes("06 00 03 07 00", report, sizeof report);
    assert_int_equal(
        dfu_config_channel_set_report(&config_world.channel, report, 5, config_world.now_ms), 0);
    dfu_config_channel_get_report(&config_world.channel, report);
    assert_hex(report, 20, "06 00 03 08 0f 01 00 04 00 00 65 2d 8f dc 00 02 00 00 00 01");
}

#define test(name) cmocka_unit_test_setup_teardown(name, config_fresh, config_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_image_is_stored_and_asked_for),
        test(every_write_size_takes_images_of_any_length),
        test(what_lay_in_the_slot_is_erased_first_and_only_then),
        test(a_start_during_the_erase_does_not_delay_it),
        test(only_the_same_image_is_gone_on_with),
        test(data_and_storing_keep_the_update_alive),
        test(a_broken_off_update_goes_on_where_it_was),
        test(another_image_starts_over_in_a_clean_slot),
        test(bytes_that_fill_no_unit_wait_for_the_next),
        test(a_wrong_checksum_is_not_asked_for_unless_it_does_not_matter),
        test(starts_that_make_no_sense_are_ignored),
        test(data_beyond_buffer_or_image_is_cut),
        test(the_way_back_of_an_image_on_trial_is_not_erased),
        test(empty_data_ends_the_update),
        test(work_waits_while_the_device_is_in_use),
        test(flash_that_fails_ends_the_update_and_the_next_start_tries_again),
        test(erased_bytes_in_an_image_are_not_programmed),
        test(under_a_request_nothing_is_written_and_the_next_start_erases_it),
        test(it_is_stored_in_small_pieces),
        test(after_flash_failed_everything_is_erased_whatever_it_reads_as),
        test(the_device_restarts_a_quarter_second_after_it_said_so),
        test(firmware_and_device_are_told),
        test(the_worked_examples_are_followed_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
