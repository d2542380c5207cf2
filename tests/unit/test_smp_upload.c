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
#include "base/crc.h"
#include "dfu/err.h"
#include "dfu/trailer.h"
#include "hex.h"
#include "img_world.h"

#define STEP 700u /* neither a block nor a sector */

static struct img_world w;
static struct test_image old_image, new_image, third_image;

static int with_slots(uint8_t image_count, uint8_t write_size)
{
    world_init(&w, image_count, 16, write_size);
    old_image = image_make((struct dfu_image_version){ 1, 2, 0, 5 }, 5000);
    new_image = image_make((struct dfu_image_version){ 1, 3, 0, 0 }, 14001);
    third_image = image_make((struct dfu_image_version){ 1, 4, 0, 0 }, 13000);
    world_program(&w, 0, 0, &old_image);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    return with_slots(1, 8);
}

static int begin_pairs(void **state)
{
    (void)state;
    return with_slots(2, 8);
}

static int end(void **state)
{
    (void)state;
    image_free(&old_image);
    image_free(&new_image);
    image_free(&third_image);
    world_free(&w);
    return 0;
}

/* A first chunk that nothing is wrong with. */
static struct chunk first_chunk(const struct test_image *image)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = 0;
    chunk.len = image->size;
    chunk.data = image->data;
    chunk.data_len = STEP;
    chunk.sha = image->sha;
    chunk.sha_len = 32;
    return chunk;
}

static struct chunk chunk_at(const struct test_image *image, uint32_t off)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = off;
    chunk.data = image->data + off;
    chunk.data_len = min_u32(STEP, image->size - off);
    return chunk;
}

static void upload_half(const struct test_image *image)
{
    struct chunk chunk = first_chunk(image);

    assert_int_equal(world_chunk(&w, &chunk).off, STEP);
    for (uint32_t off = STEP; off < image->size / 2; off += STEP) {
        chunk = chunk_at(image, off);
        assert_int_equal(world_chunk(&w, &chunk).off, off + STEP);
    }
}

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
        end(state);
        begin(state);
    }
}

static void an_upload_arrives_whole_in_any_pieces(void **state)
{
    static const uint32_t steps[] = { 32, 33, 511, 512, 513, 1000, 3000 };
    static const uint8_t write_sizes[] = { 1, 4, 8, 16, 32 };

    end(state);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        for (size_t a = 0; a < sizeof(write_sizes); a++) {
            struct reply reply;

            with_slots(1, write_sizes[a]);
            w.img.erase_progressively = (s + a) % 2 == 0;
            reply = world_upload(&w, &new_image, 0, steps[s], true);
            assert_int_equal(reply.off, new_image.size);
            assert_int_equal(reply.match, 1);
            assert_slot_holds(&w, 0, 1, &new_image);
            assert_string_equal(world_flags(&w, 0, 1), "");
            assert_int_equal(world_set_state(&w, new_image.hash, 32, false).err, 0);
            end(state);
        }
    }
    begin(state);
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
        end(state);
        begin(state);
    }
    assert_true(torn > 4);
}

/* ---- Refusals, in their order ---- */

enum { NO_OFF, SHORT, NO_LEN, NO_MAGIC, LONG_SHA, IN_USE, TOO_LONG, OVERRUN, OLD, FAULTS };

static const int fault_codes[FAULTS] = {
    [NO_OFF] = 20, [SHORT] = 22,    [NO_LEN] = 21,  [NO_MAGIC] = 23, [LONG_SHA] = 24,
    [IN_USE] = 9,  [TOO_LONG] = 30, [OVERRUN] = 31, [OLD] = 27,
};

/* Put this fault into the chunk or the device. */
static void add_fault(struct chunk *chunk, int fault)
{
    static uint8_t data[2 * STEP];
    static const uint8_t long_sha[33] = { 1 };

    switch (fault) {
    case NO_OFF: chunk->off = -1; break;
    case SHORT: chunk->data_len = 31; break;
    case NO_LEN: chunk->len = -1; break;
    case NO_MAGIC:
        memcpy(data, chunk->data, chunk->data_len);
        data[0] ^= 1;
        chunk->data = data;
        break;
    case LONG_SHA:
        chunk->sha = long_sha;
        chunk->sha_len = sizeof(long_sha);
        break;
    case IN_USE:
        w.guards_active = false;
        assert_int_equal(dfu_trailer_write_magic(&w.map, world_slot(&w, 0, 0)), 0);
        assert_int_equal(dfu_trailer_write_copy_done(&w.map, world_slot(&w, 0, 0)), 0);
        w.guards_active = true;
        break;
    case TOO_LONG: chunk->len = dfu_slot_max_image(&w.map, 0) + 1; break;
    case OVERRUN: chunk->len = STEP - 1; break;
    default:
        chunk->upgrade = 1;
        w.nor->flash.mem[world_slot(&w, 0, 0)->base + 20] = 9; /* the running one is 9.2.0 */
        break;
    }
}

static void the_first_check_that_fails_answers(void **state)
{
    /* Each fault together with every later one. SHORT hides what only a longer chunk can have;
     * a chunk can't be beyond its file's size and the file beyond the slot. */
    for (int fault = 0; fault < FAULTS; fault++) {
        struct chunk chunk = first_chunk(&new_image);
        struct reply reply;
        uint32_t ops;

        for (int later = FAULTS - 1; later >= fault; later--) {
            if (later != OVERRUN || fault == OVERRUN) {
                add_fault(&chunk, later);
            }
        }
        ops = w.nor->flash.ops;
        reply = world_chunk(&w, &chunk);
        if (reply.err != fault_codes[fault]) {
            fail_msg("fault %d: err %d", fault, (int)reply.err);
        }
        assert_int_equal(w.nor->flash.ops, ops);
        end(state);
        begin(state);
    }
}

static void every_refusal_of_a_first_chunk_ends_the_running_upload(void **state)
{
    for (int fault = 0; fault < FAULTS; fault++) {
        struct chunk chunk = first_chunk(&third_image);
        struct chunk next;

        upload_half(&new_image);
        next = chunk_at(&new_image, w.img.upload.off);
        add_fault(&chunk, fault);
        w.event_count = 0;
        assert_int_equal(world_chunk(&w, &chunk).err, fault_codes[fault]);
        assert_int_equal(w.event_count, 1);
        assert_int_equal(w.events[0], DFU_SMP_EV_DFU_STOPPED);
        assert_int_equal(world_chunk(&w, &next).off, 0);
        end(state);
        begin(state);
    }
}

static void the_largest_image_of_the_loader_s_geometry_fits(void **state)
{
    uint32_t max = dfu_slot_max_image(&w.map, 0);
    struct test_image largest = image_make((struct dfu_image_version){ 3, 0, 0, 0 }, max);
    struct reply reply = world_upload(&w, &largest, 0, 1000, true);

    (void)state;
    assert_int_equal(reply.match, 1);
    assert_slot_holds(&w, 0, 1, &largest);
    assert_int_equal(world_set_state(&w, largest.hash, 32, false).err, 0);
    assert_slot_holds(&w, 0, 1, &largest);
    image_free(&largest);
}

static void hostile_lengths_are_refused(void **state)
{
    static const int64_t lengths[] = { 0, 31, 32, STEP - 1, 0x10000, 0x7fffffff, 0xffffffff };

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct chunk chunk = first_chunk(&new_image);

        chunk.len = lengths[i];
        assert_int_not_equal(world_chunk(&w, &chunk).err, 0);
    }
    assert_int_equal(w.nor->flash.ops, 0);
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_UPLOAD, "a1 63 6f 66 66 1b 00 00 00 01 00 00 00 00",
                   "bf 62 72 63 03 ff");
    smp_peer_write(&w.peer, 1, DFU_SMP_IMG_UPLOAD, "", "bf 62 72 63 03 ff");
}

static void an_upgrade_must_be_newer_where_that_is_asked(void **state)
{
    static const struct {
        struct dfu_image_version version;
        int upgrade;
        bool with_build;
        int err;
    } rows[] = { /* 1.2.0+5 runs */
                 { { 1, 2, 1, 0 }, 1, false, 0 },  { { 1, 3, 0, 0 }, 1, false, 0 },
                 { { 2, 0, 0, 0 }, 1, false, 0 },  { { 1, 2, 0, 5 }, 1, false, 27 },
                 { { 1, 2, 0, 6 }, 1, false, 27 }, { { 1, 2, 0, 6 }, 1, true, 0 },
                 { { 1, 2, 0, 5 }, 1, true, 27 },  { { 1, 1, 9, 9 }, 1, false, 27 },
                 { { 0, 9, 9, 9 }, 1, true, 27 },  { { 0, 9, 9, 9 }, 0, false, 0 },
                 { { 0, 9, 9, 9 }, -1, false, 0 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct test_image image = image_make(rows[i].version, 2000);
        struct chunk chunk = first_chunk(&image);

        chunk.upgrade = rows[i].upgrade;
        w.img.compare_build_number = rows[i].with_build;
        assert_int_equal(world_chunk(&w, &chunk).err, rows[i].err);
        image_free(&image);
    }
    memset(w.nor->flash.mem + world_slot(&w, 0, 0)->base, 0xff, 32); /* nothing to compare with */
    {
        struct chunk chunk = first_chunk(&new_image);

        chunk.upgrade = 1;
        assert_int_equal(world_chunk(&w, &chunk).err, DFU_SMP_IMG_VERSION_GET_FAILED);
    }
}

static void reasons_are_the_ones_tools_print(void **state)
{
    static const struct {
        int fault;
        const char *rsn;
    } rows[] = {
        { SHORT, "header malformed" }, { NO_MAGIC, "magic mismatch" }, { IN_USE, "no slot" },
        { TOO_LONG, "img too large" }, { OVERRUN, "data overrun" },    { OLD, "downgrade" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct chunk chunk = first_chunk(&new_image);
        struct dfu_cbor_span reason = { 0 };
        struct dfu_cbor_key key = { .name = "rsn", .type = DFU_CBOR_TEXT, .out = &reason };
        uint8_t request[2048];
        struct dfu_cbor_encoder enc;

        add_fault(&chunk, rows[i].fault);
        w.peer.server.verbose_errors = true;
        dfu_cbor_encoder_init(&enc, request + 8, sizeof(request) - 8, false);
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_uint(&enc, "off", 0);
        dfu_cbor_pair_uint(&enc, "len", (uint64_t)chunk.len);
        dfu_cbor_pair_bytes(&enc, "data", chunk.data, chunk.data_len);
        dfu_cbor_pair_bool(&enc, "upgrade", chunk.upgrade == 1);
        dfu_cbor_end(&enc);
        /* version 1: err is translated, and rsn has a place */
        dfu_smp_header_encode(
            &(struct dfu_smp_header){
                .op = DFU_SMP_WRITE, .length = (uint16_t)enc.len, .group = 1, .id = 1 },
            request);
        smp_peer_receive(&w.peer, request, 8 + enc.len);
        assert_int_equal(w.peer.count, 1);
        assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ w.peer.answers[0].data + 8,
                                                                     w.peer.answers[0].len - 8 },
                                             &key, 1),
                         0);
        if (!dfu_cbor_text_is(reason, rows[i].rsn)) {
            fail_msg("not told: %s", rows[i].rsn);
        }
        end(state);
        begin(state);
    }
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
        end(state);
        begin(state);
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
        end(state);
        begin(state);
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
            end(state);
            begin(state);
        }
        end(state);
        begin(state);
    }
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
        end(state);
        begin(state);
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

#define TEST(name)       cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_PAIRS(name) cmocka_unit_test_setup_teardown(name, begin_pairs, end)

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
        TEST(the_first_check_that_fails_answers),
        TEST(every_refusal_of_a_first_chunk_ends_the_running_upload),
        TEST(the_largest_image_of_the_loader_s_geometry_fits),
        TEST(hostile_lengths_are_refused),
        TEST(an_upgrade_must_be_newer_where_that_is_asked),
        TEST(reasons_are_the_ones_tools_print),
        TEST(a_wrong_offset_is_answered_with_the_right_one),
        TEST(data_beyond_the_announced_size_ends_the_upload),
        TEST(an_empty_chunk_changes_nothing),
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
        TEST(an_upload_survives_a_power_cut_at_any_operation),
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
