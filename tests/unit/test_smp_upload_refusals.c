/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a first chunk is refused for, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/trailer.h"
#include "upload_world.h"

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
        upload_end(state);
        upload_begin(state);
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
        upload_end(state);
        upload_begin(state);
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
        upload_end(state);
        upload_begin(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, upload_begin, upload_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_check_that_fails_answers),
        TEST(every_refusal_of_a_first_chunk_ends_the_running_upload),
        TEST(the_largest_image_of_the_loader_s_geometry_fits),
        TEST(hostile_lengths_are_refused),
        TEST(an_upgrade_must_be_newer_where_that_is_asked),
        TEST(reasons_are_the_ones_tools_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
