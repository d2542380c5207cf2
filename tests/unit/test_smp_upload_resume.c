/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Uploads that go on: on the same link, after a reset, after a power cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "upload_world.h"

/* ---- Resume ---- */

static void the_same_digest_goes_on_where_it_was(void **state)
{
    struct chunk chunk = first_chunk(&new_image);
    uint32_t off, ops;

    (void)state;
    upload_half(&new_image);
    off = w.img.upload.off;
    ops = w.nor->flash.ops;
    assert_int_equal(world_chunk(&w, &chunk).off, off);
    assert_int_equal(w.nor->flash.ops, ops);
    assert_int_equal(world_upload(&w, &new_image, off, STEP, true).match, 1);
    assert_slot_holds(&w, 0, 1, &new_image);
}

static void anything_else_starts_anew(void **state)
{
    static const struct {
        size_t sha_len; /* 0: no sha */
        uint8_t flip;
    } rows[] = { { 0, 0 }, { 31, 0 }, { 32, 1 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct chunk chunk = first_chunk(&new_image);
        uint8_t sha[32];

        upload_half(&new_image);
        memcpy(sha, new_image.sha, 32);
        sha[31] ^= rows[i].flip;
        chunk.sha = rows[i].sha_len > 0 ? sha : NULL;
        chunk.sha_len = rows[i].sha_len;
        assert_int_equal(world_chunk(&w, &chunk).off, STEP);
        upload_end(state);
        upload_begin(state);
    }
}

static void a_short_tag_resumes_too_but_is_no_digest(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    w.img.store = &w.store;
    chunk.sha_len = 4;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk = chunk_at(&new_image, STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, 2 * STEP);
    chunk = first_chunk(&new_image);
    chunk.sha_len = 4;
    assert_int_equal(world_chunk(&w, &chunk).off, 2 * STEP);
    chunk.sha_len = 32; /* begins with the tag, but is another one */
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    chunk.sha_len = 4;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(world_upload(&w, &new_image, STEP, STEP, true).match, -1);
    assert_int_equal(w.saves, 0);
}

static void a_short_tag_is_not_compared_with_what_is_there(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    assert_int_equal(world_upload(&w, &new_image, 0, STEP, true).match, 1);
    chunk.sha_len = 4;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
}

static void an_upload_without_a_digest_never_resumes(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    chunk.sha = NULL;
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(world_upload(&w, &new_image, STEP, STEP, false).off, new_image.size);
    assert_slot_holds(&w, 0, 1, &new_image);
}

static void erase_makes_the_upload_start_anew(void **state)
{
    struct chunk chunk = first_chunk(&new_image);
    struct chunk next;

    (void)state;
    w.img.store = &w.store;
    upload_half(&new_image);
    assert_true(w.stored_len > 0);
    next = chunk_at(&new_image, w.img.upload.off);
    assert_int_equal(world_erase(&w, 1).err, 0);
    assert_int_equal(w.stored_len, 0);
    assert_int_equal(world_chunk(&w, &next).off, 0);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
}

/* ---- Over a reset ---- */

static void an_upload_goes_on_after_a_reset(void **state)
{
    for (int progressively = 0; progressively <= 1; progressively++) {
        struct chunk chunk = first_chunk(&new_image);
        struct reply reply;

        w.img.store = &w.store;
        w.img.erase_progressively = progressively;
        upload_half(&new_image);
        world_reset(&w);
        reply = world_chunk(&w, &chunk);
        assert_true(reply.off >= 4096 && reply.off <= new_image.size / 2 + STEP);
        if (progressively) {
            unsigned saves = w.saves;

            chunk = chunk_at(&new_image, (uint32_t)reply.off);
            reply = world_chunk(&w, &chunk);
            assert_int_equal(w.saves, saves);
        }
        assert_int_equal(world_upload(&w, &new_image, (uint32_t)reply.off, STEP, true).match, 1);
        assert_slot_holds(&w, 0, 1, &new_image);
        assert_int_equal(w.stored_len, 0);
        upload_end(state);
        upload_begin(state);
    }
}

static void without_a_store_a_reset_starts_anew(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    upload_half(&new_image);
    world_reset(&w);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(w.saves, 0);
}

static void another_file_s_progress_is_never_taken_up(void **state)
{
    struct chunk chunk;

    (void)state;
    w.img.store = &w.store;
    upload_half(&new_image);
    world_reset(&w);
    chunk = first_chunk(&third_image);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP); /* overwrites what was there */
    world_reset(&w);
    chunk = first_chunk(&new_image);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(world_upload(&w, &new_image, STEP, STEP, true).match, 1);
}

/* A programmer, or USB, after the reset: the record still says half of the file is there. */
static void a_slot_that_another_writer_has_filled_is_written_from_its_start(void **state)
{
    struct chunk chunk = first_chunk(&new_image);

    (void)state;
    w.img.store = &w.store;
    w.img.erase_progressively = true;
    upload_half(&new_image);
    world_reset(&w);
    world_program(&w, 0, 1, &third_image);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    assert_int_equal(world_upload(&w, &new_image, STEP, STEP, true).match, 1);
    assert_slot_holds(&w, 0, 1, &new_image);
}

/* The cut came between the last byte and the answer: the client hears how it ended. */
static void a_record_of_a_whole_file_completes_it(void **state)
{
    struct chunk chunk = first_chunk(&third_image);
    struct reply reply;

    (void)state;
    w.img.store = &w.store;
    put_le32(w.stored, third_image.size);
    put_le32(w.stored + 4, third_image.size);
    memcpy(w.stored + 8, third_image.sha, 8);
    put_le32(w.stored + 16, dfu_crc32(0, w.stored, 16));
    w.stored_len = DFU_STREAM_PROGRESS_SIZE;
    third_image.data[9000] ^= 1;
    world_program(&w, 0, 1, &third_image);
    third_image.data[9000] ^= 1;
    reply = world_chunk(&w, &chunk);
    assert_int_equal(reply.off, third_image.size);
    assert_int_equal(reply.match, 0); /* it is not all there, whatever the record says */
    assert_int_equal(w.stored_len, 0);
    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
}

static void progress_is_kept_once_a_sector_unless_told_otherwise(void **state)
{
    (void)state;
    w.img.store = &w.store;
    world_upload(&w, &new_image, 0, 512, true);
    assert_int_equal(w.saves, new_image.size / 4096);
    w.saves = 0;
    w.img.store_interval = 512;
    world_upload(&w, &third_image, 0, 512, true);
    assert_int_equal(w.saves, third_image.size / 512);
}

static void an_upload_that_ends_another_keeps_its_own_progress(void **state)
{
    (void)state;
    w.img.store = &w.store;
    upload_half(&new_image);
    assert_int_equal(w.saves, 1);
    w.saves = 0;
    world_upload(&w, &third_image, 0, 512, true);
    assert_int_equal(w.saves, third_image.size / 4096);
}

/* Power fails inside every flash operation of an upload in turn; the client sends the file again. */
static void an_upload_survives_a_power_cut_at_any_operation(void **state)
{
    for (int progressively = 0; progressively <= 1; progressively++) {
        for (uint32_t cut = 1;; cut++) {
            struct reply reply;

            w.img.store = &w.store;
            w.img.erase_progressively = progressively;
            dfu_sim_flash_power_on(&w.nor->flash);
            dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_INSIDE, cut, cut);
            reply = world_upload(&w, &new_image, 0, STEP, true);
            if (reply.match == 1) {
                assert_true(cut > 20); /* every operation was cut once */
                break;
            }
            assert_int_not_equal(reply.err, 0);
            dfu_sim_flash_power_on(&w.nor->flash);
            world_reset(&w);
            assert_int_equal(dfu_mcuboot_swap_type(&w.map, 0), DFU_SWAP_NONE);
            reply = world_upload(&w, &new_image, 0, STEP, true);
            assert_int_equal(reply.match, 1);
            assert_slot_holds(&w, 0, 1, &new_image);
            assert_int_equal(w.nor->flash.double_programs, 0);
            upload_end(state);
            upload_begin(state);
        }
        upload_end(state);
        upload_begin(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, upload_begin, upload_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_digest_goes_on_where_it_was),
        TEST(anything_else_starts_anew),
        TEST(a_short_tag_resumes_too_but_is_no_digest),
        TEST(a_short_tag_is_not_compared_with_what_is_there),
        TEST(an_upload_without_a_digest_never_resumes),
        TEST(erase_makes_the_upload_start_anew),
        TEST(an_upload_goes_on_after_a_reset),
        TEST(without_a_store_a_reset_starts_anew),
        TEST(another_file_s_progress_is_never_taken_up),
        TEST(a_slot_that_another_writer_has_filled_is_written_from_its_start),
        TEST(a_record_of_a_whole_file_completes_it),
        TEST(progress_is_kept_once_a_sector_unless_told_otherwise),
        TEST(an_upload_that_ends_another_keeps_its_own_progress),
        TEST(an_upload_survives_a_power_cut_at_any_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
