/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Serial recovery against simulated flash: what MCUboot's answers (spec: bootloader, section 7), and
 * what it does to slots, with power failing anywhere; its uploads are in test_recovery_upload.c, when
 * it is entered and left in test_recovery_life.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_basic.h"
#include "recovery_world.h"

#define EMPTY "{images:[]}"

/* ---- The first image ---- */

static void an_empty_device_is_given_its_first_image(void **state)
{
    for (int progressive = 0; progressive < 2; progressive++) {
        struct recovery_world *w = rec_open(1);
        struct dfu_boot_result result;

        (void)state;
        w->cfg.erase_progressively = progressive != 0;
        assert_int_equal(rec_boot(w, &result), DFU_ERR_VERIFY);
        assert_string_equal(rec_ask_images(w), EMPTY);
        assert_true(rec_upload(w, -1, &w->new_image));
        rec_assert_holds(w, rec_slot(w, 0, 0), &w->new_image);
        assert_string_equal(rec_ask_images(w), "{images:[{bootable:true,confirmed:true,active:true,"
                                               "slot:0,hash:32 bytes,version:2.3.4.5}]}");
        assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET),
                            "{rc:0}");
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 249), DFU_RECOVERY_STAY);
        assert_int_equal(dfu_recovery_look(&w->recovery, w->now + 250), DFU_RECOVERY_RESET);
        assert_int_equal(rec_boot(w, &result), 0);
        assert_int_equal(result.header.version.major, 2);
        rec_close(w);
    }
}

static void a_power_cut_at_any_operation_leaves_a_device_that_can_be_given_an_image(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_INSIDE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    unsigned cuts = 0, refused = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof whens / sizeof whens[0]; i++) {
        bool was_cut = true;

        for (uint32_t op = 1; was_cut; op++) {
            struct recovery_world *w = rec_open(1);
            struct dfu_boot_result result;
            int err;

            w->cfg.erase_progressively = i % 2 == 0;
            rec_program(w, rec_slot(w, 0, 0), &w->old_image);
            assert_int_equal(dfu_trailer_write_magic(&w->map, rec_slot(w, 0, 0)), 0);
            dfu_sim_flash_power_on(&w->nor->flash);
            dfu_sim_flash_cut(&w->nor->flash, whens[i / 2], op, 31 * op + i);
            was_cut = !rec_upload(w, -1, &w->new_image);
            dfu_sim_flash_power_on(&w->nor->flash);

            err = rec_boot(w, &result);
            assert_true(err == 0 || err == DFU_ERR_VERIFY);
            if (err == 0) {
                rec_assert_holds(w, rec_slot(w, 0, 0),
                                 result.header.version.major == 1 ? &w->old_image : &w->new_image);
            }
            refused += err != 0;
            cuts += was_cut;
            rec_enter(w, DFU_RECOVERY_WITHOUT_IMAGE);
            assert_true(rec_upload(w, -1, &w->new_image));
            assert_int_equal(rec_boot(w, &result), 0);
            assert_int_equal(result.header.version.major, 2);
            rec_close(w);
        }
    }
    assert_true(cuts > 200 && refused > 100);
}

/* ---- List and state ---- */

static void flags_follow_the_swap_type_and_false_ones_are_left_out(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    rec_program(w, rec_slot(w, 0, 1), &w->new_image);
    assert_string_equal(rec_ask_images(w),
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,slot:1,hash:32 bytes,version:2.3.4.5}]}");
    assert_string_equal(rec_set_state(w, w->new_image.hash, 0),
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,pending:true,slot:1,hash:32 bytes,"
                        "version:2.3.4.5}]}");
    assert_true(w->recovery.has_changed);
    rec_close(w);

    w = rec_open(1);
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    rec_program(w, rec_slot(w, 0, 1), &w->new_image);
    assert_string_equal(rec_set_state(w, NULL, 1), /* the secondary of the only image */
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,hash:32 bytes,"
                        "version:1.0.0},{bootable:true,pending:true,permanent:true,slot:1,"
                        "hash:32 bytes,version:2.3.4.5}]}");
    rec_close(w);
}

static void a_trial_can_be_confirmed_and_its_predecessor_left_to_return(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct dfu_boot_result result;

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    rec_program(w, rec_slot(w, 0, 1), &w->new_image);
    (void)rec_set_state(w, w->new_image.hash, -1);
    assert_int_equal(rec_boot(w, &result), 0);
    assert_string_equal(rec_ask_images(w),
                        "{images:[{bootable:true,active:true,slot:0,hash:32 bytes,"
                        "version:2.3.4.5},{bootable:true,confirmed:true,slot:1,hash:32 bytes,"
                        "version:1.0.0}]}");
    assert_string_equal(rec_set_state(w, w->new_image.hash, 0), "{rc:3}"); /* it is on test */
    (void)rec_set_state(w, w->old_image.hash, 1);                          /* returns anyway */
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_REVERT);
    (void)rec_set_state(w, w->new_image.hash, 1);
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_int_equal(rec_boot(w, &result), 0);
    assert_int_equal(result.header.version.major, 2);
    rec_close(w);
}

/* Clients ask for a test of whatever they have uploaded. */
static void an_image_in_the_primary_needs_no_mark(void **state)
{
    static const char listed[] = "{images:[{bootable:true,confirmed:true,active:true,slot:0,"
                                 "hash:32 bytes,version:2.3.4.5}]}";
    struct recovery_world *w = rec_open(1);
    uint32_t ops;

    (void)state;
    assert_true(rec_upload(w, -1, &w->new_image));
    ops = w->nor->flash.ops;
    assert_string_equal(rec_set_state(w, w->new_image.hash, 0), listed);
    assert_string_equal(rec_set_state(w, w->new_image.hash, 1), listed);
    assert_int_equal(w->nor->flash.ops, ops);
    rec_close(w);
}

static void what_does_not_verify_is_neither_listed_nor_marked(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    w->new_image.data[3000] ^= 1;
    rec_program(w, rec_slot(w, 0, 1), &w->new_image);
    assert_string_equal(rec_ask_images(w),
                        "{images:[{bootable:true,confirmed:true,active:true,slot:0,"
                        "hash:32 bytes,version:1.0.0}]}");
    assert_string_equal(rec_set_state(w, w->new_image.hash, 0), "{rc:5}");
    assert_string_equal(rec_set_state(w, NULL, 0), "{rc:5}");
    assert_int_equal(dfu_mcuboot_swap_type(&w->map, 0), DFU_SWAP_NONE);
    assert_false(w->recovery.has_changed);
    rec_close(w);
}

static void a_state_that_makes_no_sense_is_refused(void **state)
{
    struct recovery_world *w = rec_open(2);

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    rec_program(w, rec_slot(w, 1, 1), &w->new_image);
    assert_string_equal(rec_set_state(w, NULL, 1), "{rc:3}"); /* of which image? */
    assert_string_equal(rec_set_state(w, w->old_image.sha, 0), "{rc:5}");
    assert_string_equal(rec_set_state_by(w, w->new_image.hash, 16, 0), "{rc:5}");
    assert_string_equal(rec_set_state_by(w, w->new_image.data, 200, 0), "{rc:5}");
    assert_false(w->recovery.has_changed);
    assert_string_equal(rec_set_state(w, w->new_image.hash, 0),
                        "{images:[{image:0,bootable:true,confirmed:true,active:true,slot:0,"
                        "hash:32 bytes,version:1.0.0},{image:1,bootable:true,pending:true,slot:1,"
                        "hash:32 bytes,version:2.3.4.5}]}");
    rec_close(w);
}

/* ---- Erase, slot info, OS group ---- */

static void any_slot_can_be_erased(void **state)
{
    struct recovery_world *w = rec_open(2);

    (void)state;
    memset(w->nor->flash.mem, 0x55, 4 * RECOVERY_SLOT_SIZE);
    assert_string_equal(rec_erase(w, -1), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(rec_slot(w, 0, 1), 0, RECOVERY_SLOT_SIZE), 1);
    assert_string_equal(rec_erase(w, 2), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(rec_slot(w, 1, 0), 0, RECOVERY_SLOT_SIZE), 1);
    assert_int_equal(w->nor->flash.mem[0], 0x55);
    assert_int_equal(w->nor->flash.mem[3 * RECOVERY_SLOT_SIZE], 0x55);
    assert_string_equal(rec_erase(w, 4), "{rc:3}");
    assert_true(w->recovery.has_changed);
    rec_close(w);
}

/* So that a cut leaves nothing that asks for half an image. */
static void a_slot_is_erased_from_its_trailer_on(void **state)
{
    struct recovery_world *w = rec_open(1);
    const uint8_t *mem = w->nor->flash.mem;

    (void)state;
    memset(w->nor->flash.mem, 0x55, RECOVERY_SLOT_SIZE);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_BEFORE, w->nor->flash.ops + 2, 0);
    assert_string_equal(rec_erase(w, 0), "{rc:1}");
    assert_int_equal(mem[RECOVERY_SLOT_SIZE - 1], 0xff);
    assert_int_equal(mem[0], 0x55);
    rec_close(w);
}

static void count_feed(void *ctx)
{
    ++*(unsigned *)ctx;
}

/* A slot takes seconds to erase. */
static void the_watchdog_is_fed_after_every_sector_that_is_erased(void **state)
{
    struct recovery_world *w = rec_open(1);
    const struct dfu_area *storage[] = { rec_slot(w, 0, 1) };
    unsigned fed = 0;

    (void)state;
    w->cfg.erase_progressively = false;
    w->cfg.feed_watchdog = count_feed;
    w->cfg.ctx = &fed;
    w->cfg.storage = storage;
    w->cfg.storage_count = 1;
    rec_enter(w, DFU_RECOVERY_BY_PIN);
    assert_string_equal(rec_erase(w, 0), "{rc:0}");
    assert_int_equal(fed, RECOVERY_SECTORS);
    assert_string_equal(rec_chunk(w, 0, 900, -1, w->new_image.data, 300), "{rc:0,off:300}");
    assert_int_equal(fed, 2 * RECOVERY_SECTORS);
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, DFU_SMP_BASIC_ERASE_STORAGE),
                        "{rc:0}");
    assert_int_equal(fed, 3 * RECOVERY_SECTORS);
    rec_close(w);
}

static void an_erase_ends_an_upload(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    (void)rec_chunk(w, 0, 900, -1, w->new_image.data, 300);
    assert_string_equal(rec_erase(w, 0), "{rc:0}");
    assert_string_equal(rec_chunk(w, 300, -1, -1, w->new_image.data + 300, 300), "{rc:0,off:0}");
    assert_int_equal(dfu_area_is_erased(rec_slot(w, 0, 0), 0, RECOVERY_SLOT_SIZE), 1);
    rec_close(w);
}

/* Where it would have to be decompressed or decrypted first, and nobody does. */
static void what_could_not_run_where_it_lies_is_refused(void **state)
{
    struct recovery_world *w = rec_open(1);
    uint8_t *at = w->new_image.data;

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    at[17] = 0x04; /* LZMA2 */
    assert_string_equal(rec_chunk(w, 0, 9001, -1, at, 300), "{rc:8}");
    rec_assert_holds(w, rec_slot(w, 0, 0), &w->old_image); /* nothing was erased for it */
    at[17] = 0;
    at[16] = 0x04; /* AES-128, and a hash that is of something else */
    assert_string_equal(rec_chunk(w, 0, 300, -1, at, 10), "{rc:0,off:10}");
    assert_string_equal(rec_chunk(w, 10, -1, -1, at + 10, 200), "{rc:0,off:210}");
    assert_string_equal(rec_chunk(w, 210, -1, -1, at + 210, 90), "{rc:8}");
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE), EMPTY);

    w->cfg.direct_upload = true; /* the way that decrypts and decompresses */
    at[17] = 0x04;
    assert_true(rec_upload(w, 2, &w->new_image));
    w->map.mode = DFU_MODE_DIRECT_XIP; /* nobody moves it there */
    assert_string_equal(rec_chunk(w, 0, 9001, 2, at, 300), "{rc:8}");
    w->map.mode = DFU_MODE_RAM_LOAD;
    assert_string_equal(rec_chunk(w, 0, 9001, 2, at, 300), "{rc:0,off:300}");
    rec_close(w);
}

static void the_flags_of_an_image_are_found_wherever_a_chunk_ends(void **state)
{
    struct recovery_world *w = rec_open(1);
    uint8_t *at = w->new_image.data;
    char answer[32];

    (void)state;
    for (size_t first = 1; first <= 20; first++) {
        (void)snprintf(answer, sizeof answer, "{rc:0,off:%zu}", first);
        assert_string_equal(rec_chunk(w, 0, 300, -1, at, first), answer);
        assert_string_equal(rec_chunk(w, (int64_t)first, -1, -1, at + first, 300 - first),
                            "{rc:0,off:300}");
        at[16] = 0x04; /* AES-128 */
        assert_string_equal(rec_chunk(w, 0, 300, -1, at, first), answer);
        assert_string_equal(rec_chunk(w, (int64_t)first, -1, -1, at + first, 300 - first),
                            "{rc:8}");
        at[16] = 0;
    }
    rec_close(w);
}

static void what_is_refused_at_once_costs_nothing_that_is_there(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    rec_program(w, rec_slot(w, 0, 0), &w->old_image);
    w->cfg.erase_progressively = false;
    w->new_image.data[17] = 0x04; /* LZMA2 */
    assert_string_equal(rec_chunk(w, 0, 9001, -1, w->new_image.data, 300), "{rc:8}");
    rec_assert_holds(w, rec_slot(w, 0, 0), &w->old_image);
    assert_false(w->recovery.has_changed);
    rec_close(w);
}

/* Settings, a stored upload: what a loader names. Without any there is no such group. */
static void the_storage_can_be_erased(void **state)
{
    struct recovery_world *w = rec_open(1);
    const struct dfu_area *areas[] = { rec_slot(w, 0, 1) }; /* any area will do */

    (void)state;
    rec_program(w, areas[0], &w->new_image);
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:8}");
    assert_int_equal(dfu_area_is_erased(areas[0], 0, 4), 0);
    w->cfg.storage = areas;
    w->cfg.storage_count = 1;
    rec_enter(w, DFU_RECOVERY_BY_PIN);
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:0}");
    assert_int_equal(dfu_area_is_erased(areas[0], 0, RECOVERY_SLOT_SIZE), 1);
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_BASIC, 0), "{rc:8}");
    assert_true(w->recovery.has_changed);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_BEFORE, w->nor->flash.ops + 1, 0);
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_BASIC, 0), "{rc:1}");
    dfu_sim_flash_power_on(&w->nor->flash);
    w->cfg.storage = NULL;
    assert_int_equal(dfu_recovery_check(&w->cfg), DFU_ERR_INVAL);
    rec_close(w);
}

static void the_slot_info_tells_where_an_upload_goes(void **state)
{
    struct recovery_world *w = rec_open(1);

    (void)state;
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{images:[{image:0,slots:[{slot:0,size:32768,upload_image_id:0},"
                        "{slot:1,size:32768}],max_image_size:24576}]}");
    w->cfg.direct_upload = true;
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{images:[{image:0,slots:[{slot:0,size:32768,upload_image_id:1},"
                        "{slot:1,size:32768,upload_image_id:2}],max_image_size:24576}]}");
    /* rec_send() asserts one answer: MCUboot sends two */
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{rc:8}");
    rec_close(w);
}

static void the_os_group_answers_as_clients_know_it(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct dfu_smp_header header = { .op = DFU_SMP_WRITE, .group = DFU_SMP_GROUP_OS };

    (void)state;
    assert_string_equal(rec_send(w, header, "\xa1\x61\x64\x62hi", 6), "{r:hi}");
    assert_string_equal(rec_send(w, header, "\xa0", 1), "{rc:3}");
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO_CONTROL),
                        "{rc:0}");
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS),
                        "{buf_size:512,buf_count:1}");
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO), "{rc:8}");
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_STAT, 0), "{rc:8}");
    rec_close(w);
}

static void commands_that_are_left_out_are_not_supported(void **state)
{
    struct recovery_world *w = rec_open(1);
    struct dfu_smp_header echo = { .op = DFU_SMP_WRITE, .group = DFU_SMP_GROUP_OS };

    (void)state;
    w->cfg.no_echo = true;
    w->cfg.no_erase = true;
    w->cfg.no_slot_info = true;
    assert_string_equal(rec_send(w, echo, "\xa1\x61\x64\x62hi", 6), "{rc:8}");
    assert_string_equal(rec_ask(w, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO),
                        "{rc:8}");
    assert_string_equal(rec_ask(w, DFU_SMP_WRITE, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_ERASE), "{rc:8}");
    rec_close(w);
}

static void without_states_images_are_listed_and_not_marked(void **state)
{
    struct recovery_world *w = rec_open(1);
    uint32_t ops;

    (void)state;
    w->cfg.no_image_state = true;
    rec_program(w, rec_slot(w, 0, 1), &w->new_image);
    ops = w->nor->flash.ops;
    assert_string_equal(rec_ask_images(w), "{images:[{slot:1,hash:32 bytes,version:2.3.4.5}]}");
    assert_string_equal(rec_set_state(w, w->new_image.hash, 1), "{rc:8}");
    assert_int_equal(w->nor->flash.ops, ops);
    rec_close(w);
}

/* ---- Garbage ---- */

static void what_is_no_request_is_not_answered_and_changes_nothing(void **state)
{
    static const uint8_t *const packets[] = {
        (const uint8_t *)"\x0a\0\0\x01\0\0\x07",                   /* short */
        (const uint8_t *)"\x0b\0\0\0\0\0\x07\x05",                 /* an answer */
        (const uint8_t *)"\x0c\0\0\0\0\0\x07\x05",                 /* no operation */
        (const uint8_t *)"\x0a\0\0\0\0\0\x07\x05\xa0\xa0\xa0\xa0", /* more than it says */
    };
    static const size_t lens[] = { 7, 8, 8, 12 };
    struct recovery_world *w = rec_open(1);
    uint64_t seed = 1;

    (void)state;
    rec_enter(w, DFU_RECOVERY_IN_WINDOW);
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        w->answers = 0;
        dfu_recovery_receive(&w->recovery, packets[i], lens[i], &w->link, w->now + 1);
        assert_int_equal(w->answers, 0);
    }
    assert_false(w->recovery.was_asked);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t packet[48];
        size_t len = test_random(&seed) % sizeof packet;

        for (size_t j = 0; j < len; j++) {
            packet[j] = (uint8_t)test_random(&seed);
        }
        if (len > 7 && i % 2) { /* a right header before it */
            memcpy(packet, "\x0a\0\0\0\0\x01\x07\0", 8);
            packet[3] = (uint8_t)(len - 8);
            packet[7] = (uint8_t)(i % 5); /* not erase, for which anything empty will do */
        }
        w->answers = 0;
        dfu_recovery_receive(&w->recovery, packet, len, &w->link, w->now);
        assert_true(w->answers <= 1);
    }
    assert_int_equal(w->nor->flash.ops, 0);
    assert_true(rec_upload(w, -1, &w->new_image));
    rec_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_device_is_given_its_first_image),
        cmocka_unit_test(a_power_cut_at_any_operation_leaves_a_device_that_can_be_given_an_image),
        cmocka_unit_test(flags_follow_the_swap_type_and_false_ones_are_left_out),
        cmocka_unit_test(a_trial_can_be_confirmed_and_its_predecessor_left_to_return),
        cmocka_unit_test(an_image_in_the_primary_needs_no_mark),
        cmocka_unit_test(what_does_not_verify_is_neither_listed_nor_marked),
        cmocka_unit_test(a_state_that_makes_no_sense_is_refused),
        cmocka_unit_test(any_slot_can_be_erased),
        cmocka_unit_test(a_slot_is_erased_from_its_trailer_on),
        cmocka_unit_test(the_watchdog_is_fed_after_every_sector_that_is_erased),
        cmocka_unit_test(an_erase_ends_an_upload),
        cmocka_unit_test(what_could_not_run_where_it_lies_is_refused),
        cmocka_unit_test(the_flags_of_an_image_are_found_wherever_a_chunk_ends),
        cmocka_unit_test(what_is_refused_at_once_costs_nothing_that_is_there),
        cmocka_unit_test(the_storage_can_be_erased),
        cmocka_unit_test(the_slot_info_tells_where_an_upload_goes),
        cmocka_unit_test(the_os_group_answers_as_clients_know_it),
        cmocka_unit_test(commands_that_are_left_out_are_not_supported),
        cmocka_unit_test(without_states_images_are_listed_and_not_marked),
        cmocka_unit_test(what_is_no_request_is_not_answered_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
