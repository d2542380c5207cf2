/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "upload_world.h"

/* ---- The whole way ---- */

/* The file of the example is its 32-byte header and ff up to 4096. */
static void the_worked_example_byte_for_byte(void **state)
{
    static const char *const modes[] = { "whole", "progressively" };

    for (size_t mode = 0; mode < sizeof(modes) / sizeof(modes[0]); mode++) {
        struct chunk chunk = CHUNK_NONE;
        uint8_t filler[STEP];
        int64_t off = 0x28;

        w.img.erase_progressively = mode == 1;
        smp_peer_expect(
            &w.peer,
            "0a 00 00 6a 00 01 53 01 a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 "
            "00 00 02 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d "
            "61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 "
            "2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 "
            "65 f4",
            "0b 00 00 08 00 01 53 01 bf 63 6f 66 66 18 20 ff");
        smp_peer_expect(&w.peer,
                        "0a 00 00 15 00 01 54 01 a2 63 6f 66 66 18 20 64 64 61 74 61 48 ff ff ff "
                        "ff ff ff ff ff",
                        "0b 00 00 08 00 01 54 01 bf 63 6f 66 66 18 28 ff");
        memset(filler, 0xff, sizeof(filler));
        while (off < 4096 - 8) {
            chunk.off = off;
            chunk.data = filler;
            chunk.data_len = min_u32(STEP, (uint32_t)(4096 - 8 - off));
            off = world_chunk(&w, &chunk).off;
        }
        smp_peer_expect(&w.peer,
                        "0a 00 00 16 00 01 55 01 a2 63 6f 66 66 19 0f f8 64 64 61 74 61 48 ff ff "
                        "ff ff ff ff ff ff",
                        "0b 00 00 10 00 01 55 01 bf 63 6f 66 66 19 10 00 65 6d 61 74 63 68 f5 ff");
        upload_end(state);
        upload_begin(state);
    }
}

static void an_upload_arrives_whole_in_any_pieces(void **state)
{
    static const uint32_t steps[] = { 32, 33, 511, 512, 513, 1000, 3000 };
    static const uint8_t write_sizes[] = { 1, 4, 8, 16, 32 };

    upload_end(state);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        for (size_t a = 0; a < sizeof(write_sizes); a++) {
            struct reply reply;

            upload_world(1, write_sizes[a]);
            w.img.erase_progressively = (s + a) % 2 == 0;
            reply = world_upload(&w, &new_image, 0, steps[s], true);
            assert_int_equal(reply.off, new_image.size);
            assert_int_equal(reply.match, 1);
            assert_slot_holds(&w, 0, 1, &new_image);
            assert_string_equal(world_flags(&w, 0, 1), "");
            assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
            upload_end(state);
        }
    }
    upload_begin(state);
}

static void a_file_may_fit_one_chunk(void **state)
{
    struct test_image tiny = image_make((struct dfu_image_version){ 2, 0, 0, 0 }, 128);
    struct reply reply = world_upload(&w, &tiny, 0, STEP, true);

    (void)state;
    assert_int_equal(reply.off, 128);
    assert_int_equal(reply.match, 1);
    assert_slot_holds(&w, 0, 1, &tiny);
    image_free(&tiny);
}

static void the_answer_matches_only_where_that_was_asked_and_can_be_told(void **state)
{
    (void)state;
    assert_int_equal(world_upload(&w, &new_image, 0, STEP, false).match, -1);
    w.img.sha256 = NULL;
    assert_int_equal(world_upload(&w, &third_image, 0, STEP, true).match, -1);
    assert_slot_holds(&w, 0, 1, &third_image);
}

static void a_damaged_file_is_stored_and_said_not_to_match(void **state)
{
    struct reply reply;

    (void)state;
    new_image.data[9000] ^= 1;
    reply = world_upload(&w, &new_image, 0, STEP, true);
    assert_int_equal(reply.off, new_image.size);
    assert_int_equal(reply.match, 0);
    assert_int_equal(reply.err, 0);
}

static void a_file_that_is_there_already_is_not_written_again(void **state)
{
    struct chunk chunk = first_chunk(&new_image);
    struct reply reply;
    uint32_t ops;

    (void)state;
    world_upload(&w, &new_image, 0, STEP, true);
    ops = w.nor->flash.ops;
    reply = world_chunk(&w, &chunk);
    assert_int_equal(reply.off, new_image.size);
    assert_int_equal(reply.match, 1);
    assert_int_equal(w.nor->flash.ops, ops);
    assert_false(w.img.upload.is_active);
}

/* The power goes while the image is marked; the whole story again must then get it to boot. */
static void a_file_whose_mark_was_torn_is_written_again(void **state)
{
    unsigned torn = 0;

    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct dfu_slot_state trailer;

        world_upload(&w, &new_image, 0, STEP, true);
        dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_INSIDE, w.nor->flash.ops + 1, seed);
        world_set_state(&w, new_image.hash, 32, false);
        assert_true(w.nor->flash.is_off);
        dfu_sim_flash_power_on(&w.nor->flash);
        world_reset(&w);
        assert_int_equal(dfu_slot_state_read(&w.map, world_slot(&w, 0, 1), &trailer), 0);
        torn += trailer.magic == DFU_MAGIC_BAD;

        assert_int_equal(world_upload(&w, &new_image, 0, STEP, true).off, new_image.size);
        assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
        assert_string_equal(world_flags(&w, 0, 1), "pending");
        upload_end(state);
        upload_begin(state);
    }
    assert_true(torn > 4);
}

/* ---- Offsets ---- */

static void a_wrong_offset_is_answered_with_the_right_one(void **state)
{
    struct chunk chunk;

    (void)state;
    chunk = chunk_at(&new_image, STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, 0); /* nothing runs */
    chunk = first_chunk(&new_image);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk = chunk_at(&new_image, 3 * STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk = chunk_at(&new_image, STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, 2 * STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, 2 * STEP); /* sent twice */
    assert_int_equal(world_upload(&w, &new_image, 2 * STEP, STEP, true).match, 1);
    assert_slot_holds(&w, 0, 1, &new_image);
}

static void data_beyond_the_announced_size_ends_the_upload(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    chunk.len = STEP + 10;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk = chunk_at(&new_image, STEP);
    chunk.data_len = 11;
    assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_DATA_OVERRUN);
    assert_int_equal(world_chunk(&w, &chunk).off, 0);
}

static void an_empty_chunk_changes_nothing(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk = chunk_at(&new_image, STEP);
    chunk.data_len = 0;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk.data = NULL;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
}

/* ---- Slots ---- */

static void a_pending_image_may_be_replaced_and_is_not_pending_any_more(void **state)
{
    for (int progressively = 0; progressively <= 1; progressively++) {
        struct chunk chunk = first_chunk(&third_image);

        w.img.erase_progressively = progressively;
        world_upload(&w, &new_image, 0, STEP, true);
        assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
        w.img.refuse_erase_pending = true;
        assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_NO_FREE_SLOT);
        w.img.refuse_erase_pending = false;
        assert_int_equal(world_chunk(&w, &chunk).off, STEP);
        assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_NONE);
        upload_end(state);
        upload_begin(state);
    }
}

static void a_server_of_one_image_takes_any_image_number(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    chunk.image = 3;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
}

static void each_image_has_its_own_slot(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    chunk.image = 1;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(w.img.upload.image, 1);
    assert_int_equal(world_upload(&w, &new_image, STEP, STEP, true).match, 1);
    assert_slot_holds(&w, 1, 1, &new_image);
    chunk.image = 2;
    assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_NO_FREE_SLOT);
    chunk.image = 257;
    assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_NO_FREE_SLOT);
}

static void the_same_file_for_another_image_is_another_upload(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    chunk.image = 0;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk.image = 1;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(w.img.upload.image, 1);
}

static void swap_offset_leaves_the_first_sector_free(void **state)
{
    (void)state;
    w.map.mode = DFU_MODE_SWAP_OFFSET;
    for (int progressively = 0; progressively <= 1; progressively++) {
        const struct test_image *image = progressively ? &new_image : &third_image;

        w.img.erase_progressively = progressively;
        w.nor->flash.mem[world_slot(&w, 0, 1)->base + 4095] = 0x5a; /* left by an earlier swap */
        assert_int_equal(dfu_slot_upload_offset(&w.map, 0), 4096);
        assert_int_equal(world_upload(&w, image, 0, STEP, true).match, 1);
        assert_slot_holds(&w, 0, 1, image);
        assert_int_equal(w.nor->flash.mem[world_slot(&w, 0, 1)->base + 4095], 0x5a);
        assert_string_equal(world_flags(&w, 0, 1), "");
    }
}

static void a_device_without_a_second_slot_has_no_room(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    w.map.images[0].secondary = NULL;
    assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_NO_FREE_SLOT);
}

/* ---- Failing flash ---- */

static void a_write_that_fails_ends_the_upload(void **state)
{
    struct chunk chunk;
    struct reply reply;

    (void)state;
    w.img.store = &w.store;
    upload_half(&new_image);
    assert_true(w.stored_len > 0);
    chunk = chunk_at(&new_image, w.img.upload.off);
    dfu_sim_flash_power_on(&w.nor->flash);
    dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_BEFORE, 1, 1);
    w.event_count = 0;
    reply = world_chunk(&w, &chunk);
    assert_int_equal(reply.err, DFU_SMP_IMG_FLASH_WRITE_FAILED);
    assert_int_equal(w.event_count, 2);
    assert_int_equal(w.events[0], DFU_SMP_EV_DFU_CHUNK);
    assert_int_equal(w.events[1], DFU_SMP_EV_DFU_STOPPED);
    assert_int_equal(w.stored_len, 0);
    dfu_sim_flash_power_on(&w.nor->flash);
    assert_int_equal(world_chunk(&w, &chunk).off, 0);
}

static void an_erase_that_fails_ends_the_upload(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    w.img.erase_progressively = false;
    world_upload(&w, &third_image, 0, STEP, true);
    dfu_sim_flash_power_on(&w.nor->flash);
    dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_BEFORE, 2, 1);
    assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_FLASH_ERASE_FAILED);
    assert_false(w.img.upload.is_active);
}

/* ---- Hooks ---- */

static void events_come_in_the_order_of_the_field(void **state)
{
    static const uint32_t expected[] = {
        DFU_SMP_EV_DFU_CHUNK,
        DFU_SMP_EV_DFU_STARTED,
        DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE,
        DFU_SMP_EV_DFU_CHUNK,
        DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE,
        DFU_SMP_EV_DFU_CHUNK,
        DFU_SMP_EV_DFU_PENDING,
    };

    (void)state;
    world_upload(&w, &old_image, 0, 2000, false);
    assert_int_equal(w.event_count, sizeof(expected) / sizeof(expected[0]));
    assert_memory_equal(w.events, expected, sizeof(expected));
}

static void a_refused_chunk_is_not_written(void **state)
{
    struct chunk chunk = first_chunk(&new_image);
    uint32_t ops;

    (void)state;
    w.refused_event = DFU_SMP_EV_DFU_CHUNK;
    assert_int_equal(world_chunk(&w, &chunk).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(w.nor->flash.ops, 0);
    assert_int_equal(w.events[w.event_count - 1], DFU_SMP_EV_DFU_STOPPED);
    w.refused_event = 0;
    upload_half(&new_image);
    ops = w.nor->flash.ops;
    chunk = chunk_at(&new_image, w.img.upload.off);
    w.refused_event = DFU_SMP_EV_DFU_CHUNK;
    assert_int_equal(world_chunk(&w, &chunk).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(w.nor->flash.ops, ops);
    w.refused_event = 0;
    assert_int_equal(world_chunk(&w, &chunk).off, 0);
}

static void an_upload_can_be_taken_away(void **state)
{
    struct chunk chunk;

    (void)state;
    w.img.store = &w.store;
    upload_half(&new_image);
    chunk = chunk_at(&new_image, w.img.upload.off);
    dfu_smp_img_reset_upload(&w.img);
    assert_int_equal(w.stored_len, 0);
    assert_int_equal(world_chunk(&w, &chunk).off, 0);
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, upload_begin, upload_end)
#define TEST_PAIRS(name) cmocka_unit_test_setup_teardown(name, upload_begin_pairs, upload_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_worked_example_byte_for_byte),
        TEST(an_upload_arrives_whole_in_any_pieces),
        TEST(a_file_may_fit_one_chunk),
        TEST(the_answer_matches_only_where_that_was_asked_and_can_be_told),
        TEST(a_damaged_file_is_stored_and_said_not_to_match),
        TEST(a_file_that_is_there_already_is_not_written_again),
        TEST(a_file_whose_mark_was_torn_is_written_again),
        TEST(a_wrong_offset_is_answered_with_the_right_one),
        TEST(data_beyond_the_announced_size_ends_the_upload),
        TEST(an_empty_chunk_changes_nothing),
        TEST(a_pending_image_may_be_replaced_and_is_not_pending_any_more),
        TEST(a_server_of_one_image_takes_any_image_number),
        TEST_PAIRS(each_image_has_its_own_slot),
        TEST_PAIRS(the_same_file_for_another_image_is_another_upload),
        TEST(swap_offset_leaves_the_first_sector_free),
        TEST(a_device_without_a_second_slot_has_no_room),
        TEST(a_write_that_fails_ends_the_upload),
        TEST(an_erase_that_fails_ends_the_upload),
        TEST(events_come_in_the_order_of_the_field),
        TEST(a_refused_chunk_is_not_written),
        TEST(an_upload_can_be_taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
