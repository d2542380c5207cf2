/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Logs, crashes and what they leave: what the table of all commands has no rows for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "hex.h"
#include "smp_world.h"

#define ENTRIES 40u

static struct smp_world world;
static uint32_t message_len;

static int begin(void **state)
{
    (void)state;
    smp_world_init(&world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    smp_world_free(&world);
    return 0;
}

/* Entry n has index 2 n, time 1000 + n / 2, a message of message_len bytes n. */
static int many_entries(void *ctx, uint32_t place, struct dfu_log_entry *out)
{
    static uint8_t message[2000];

    (void)ctx;
    if (place >= ENTRIES) {
        return DFU_ERR_NOENT;
    }
    memset(message, (int)place, sizeof message);
    *out = (struct dfu_log_entry){ .index = 2 * place,
                                   .timestamp = 1000 + place / 2,
                                   .content = DFU_LOG_CBOR,
                                   .message = message,
                                   .message_len = message_len };
    return 0;
}

/* {"log_name": "boot", "ts": ts, "index": index} */
static void ask(int64_t ts, uint32_t index)
{
    struct dfu_smp_header header = { .version = DFU_SMP_V2, .group = 4 };
    uint8_t packet[128];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, packet + 8, sizeof packet - 8, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_text(&enc, "log_name", "boot");
    dfu_cbor_pair_int(&enc, "ts", ts);
    dfu_cbor_pair_uint(&enc, "index", index);
    dfu_cbor_end(&enc);
    header.length = (uint16_t)enc.len;
    dfu_smp_header_encode(&header, packet);
    smp_peer_receive(&world.peer, packet, 8 + enc.len);
    assert_int_equal(world.peer.count, 1);
}

struct told {
    uint32_t count, first, last;
    size_t message_len; /* of the last */
    struct dfu_cbor_span type;
};

/* The entries of the one log in the answer. */
static struct told told(void)
{
    struct dfu_cbor_span logs, log, entries, entry, message;
    struct dfu_cbor_span answer = { world.peer.answers[0].data + 8, world.peer.answers[0].len - 8 };
    struct dfu_cbor_key in_answer[] = { { "logs", DFU_CBOR_ARRAY, &logs, false } };
    struct dfu_cbor_key in_log[] = { { "entries", DFU_CBOR_ARRAY, &entries, false } };
    struct dfu_cbor_walk walk;
    struct told out = { 0 };

    assert_int_equal(dfu_cbor_decode_map(answer, in_answer, 1), 0);
    assert_true(in_answer[0].found);
    assert_int_equal(dfu_cbor_open_array(&walk, logs), 0);
    assert_int_equal(dfu_cbor_next_item(&walk, &log), 1);
    assert_int_equal(dfu_cbor_decode_map(log, in_log, 1), 0);
    assert_int_equal(dfu_cbor_open_array(&walk, entries), 0);
    while (dfu_cbor_next_item(&walk, &entry) == 1) {
        struct dfu_cbor_key in_entry[] = { { "index", DFU_CBOR_UINT, &out.last, false },
                                           { "msg", DFU_CBOR_BYTES, &message, false },
                                           { "type", DFU_CBOR_TEXT, &out.type, false } };

        assert_int_equal(dfu_cbor_decode_map(entry, in_entry, 3), 0);
        assert_true(in_entry[0].found && in_entry[1].found && in_entry[2].found);
        out.first = out.count++ == 0 ? out.last : out.first;
        out.message_len = message.len;
        for (size_t i = 0; i < message.len; i++) {
            assert_int_equal(message.data[i], out.last / 2);
        }
    }
    return out;
}

static void a_log_that_does_not_fit_is_read_from_the_last_index_on(void **state)
{
    static const size_t caps[] = { 176, 200, 384, 1024 };

    (void)state;
    world.logs[0].entry = many_entries;
    message_len = 30;
    for (size_t i = 0; i < 2 * sizeof caps / sizeof caps[0]; i++) {
        uint32_t index = 0, seen = 0;

        world.peer.server.response_cap = caps[i / 2];
        world.peer.server.definite_lengths = i % 2 == 1;
        for (unsigned asked = 0; asked <= ENTRIES; asked++) {
            struct told answer;

            ask(0, index);
            assert_true(world.peer.answers[0].len <= caps[i / 2]);
            answer = told();
            if (answer.count == 0) {
                break;
            }
            assert_int_equal(answer.first, 2 * seen);
            assert_int_equal(answer.message_len, message_len);
            seen += answer.count;
            index = answer.last + 1;
        }
        assert_int_equal(seen, ENTRIES);
    }
}

static void an_entry_larger_than_any_answer_is_cut_and_no_cbor_any_more(void **state)
{
    (void)state;
    world.logs[0].entry = many_entries;
    for (message_len = 20; message_len < 2000; message_len += 7) {
        struct told answer;

        world.peer.server.response_cap = 256;
        ask(-1, 0);
        answer = told();
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.last, 2 * (ENTRIES - 1));
        assert_true(answer.message_len == message_len || answer.message_len > 100);
        assert_true(
            dfu_cbor_text_is(answer.type, answer.message_len == message_len ? "cbor" : "bin"));
    }
    world.peer.server.response_cap = 80; /* not even an empty one */
    ask(0, 0);
    assert_hex(world.peer.answers[0].data, world.peer.answers[0].len,
               "09 00 00 06 00 04 00 00 bf 62 72 63 07 ff");
}

static void the_time_counts_before_the_index(void **state)
{
    (void)state;
    world.logs[0].entry = many_entries;
    message_len = 0;
    ask(1018, 74); /* entries 36 and 37 have that time, with the indices 72 and 74 */
    assert_int_equal(told().count, 3);
    assert_int_equal(told().first, 74);
    ask(1018, 0);
    assert_int_equal(told().count, 4);
    ask(INT64_C(1) << 40, 0);
    assert_int_equal(told().count, 0);
}

static void a_cleared_log_is_empty_and_one_that_cannot_be_says_so(void **state)
{
    (void)state;
    smp_peer_write(&world.peer, 4, 1, "a1 68 6c 6f 67 5f 6e 61 6d 65 64 62 6f 6f 74", "bf ff");
    ask(0, 0);
    assert_int_equal(told().count, 0);
    ask(-1, 0);
    assert_int_equal(told().count, 0);
    world.logs[1].clear = NULL;
    smp_peer_write(&world.peer, 4, 1, "", "bf 62 72 63 08 ff");
    smp_peer_write(&world.peer, 4, 2, "a0", "bf 62 72 63 08 ff"); /* append is reserved */
}

static int crash_err;

static int refuse_crash(void *ctx, enum dfu_crash crash)
{
    *(enum dfu_crash *)ctx = crash;
    return crash_err;
}

static void each_crash_is_asked_for_by_its_name(void **state)
{
    static const char *const requests[] = {
        "a1 61 74 64 64 69 76 30",       "a1 61 74 65 6a 75 6d 70 30", "a1 61 74 64 72 65 66 30",
        "a1 61 74 66 61 73 73 65 72 74", "a1 61 74 64 77 64 6f 67",
    };
    enum dfu_crash crash;

    (void)state;
    world.crash = (struct dfu_smp_crash){ refuse_crash, &crash };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        crash_err = DFU_OK;
        smp_peer_write(&world.peer, 5, 0, requests[i], "bf ff");
        assert_int_equal(crash, i);
        crash_err = DFU_ERR_PERM;
        smp_peer_write(&world.peer, 5, 0, requests[i], "bf 62 72 63 0b ff");
        crash_err = DFU_ERR_IO;
        smp_peer_write(&world.peer, 5, 0, requests[i], "bf 62 72 63 01 ff");
    }
    world.crash.crash = NULL;
    smp_peer_write(&world.peer, 5, 0, requests[0], "bf 62 72 63 08 ff");
    assert_null(dfu_crash_name((enum dfu_crash)DFU_CRASH_COUNT));
}

/* ---- Core dump ---- */

static uint32_t load(uint32_t off, uint32_t *size)
{
    struct dfu_smp_header header = { .version = DFU_SMP_V2,
                                     .group = 1,
                                     .id = DFU_SMP_IMG_CORE_LOAD };
    struct dfu_cbor_span data, answer;
    uint32_t told_off;
    struct dfu_cbor_key keys[] = { { "off", DFU_CBOR_UINT, &told_off, false },
                                   { "data", DFU_CBOR_BYTES, &data, false },
                                   { "len", DFU_CBOR_UINT, size, false } };
    uint8_t packet[32];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, packet + 8, sizeof packet - 8, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", off);
    dfu_cbor_end(&enc);
    header.length = (uint16_t)enc.len;
    dfu_smp_header_encode(&header, packet);
    smp_peer_receive(&world.peer, packet, 8 + enc.len);
    answer =
        (struct dfu_cbor_span){ world.peer.answers[0].data + 8, world.peer.answers[0].len - 8 };
    assert_int_equal(dfu_cbor_decode_map(answer, keys, 3), 0);
    assert_true(keys[0].found && keys[1].found && keys[2].found == (off == 0));
    assert_int_equal(told_off, off);
    for (uint32_t i = 0; i < data.len; i++) {
        assert_int_equal(data.data[i], (uint8_t)(off + i));
    }
    return (uint32_t)data.len;
}

static void a_core_dump_is_fetched_in_pieces_and_erased(void **state)
{
    uint32_t size = 0, off = 0, pieces = 0;

    (void)state;
    world.core_size = 70000;
    world.peer.server.response_cap = 384;
    while (off == 0 || off < size) {
        off += load(off, &size);
        pieces++;
        assert_true(world.peer.answers[0].len <= 384);
    }
    assert_int_equal(size, 70000);
    assert_int_equal(off, 70000);
    assert_in_range(pieces, 70000 / 376, 70000 / 330);
    assert_int_equal(load(off, &size), 0); /* nothing behind the end, no error */
    smp_peer_write(&world.peer, 1, 4, "", "bf ff");
    smp_peer_read(&world.peer, 1, 3, "", "bf 62 72 63 05 ff");
    smp_peer_read(&world.peer, 1, 4, "a1 63 6f 66 66 00", "bf 62 72 63 05 ff");
}

static void without_a_place_for_dumps_the_commands_are_not_supported(void **state)
{
    (void)state;
    world.img.core = NULL;
    smp_peer_read(&world.peer, 1, 3, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&world.peer, 1, 4, "a1 63 6f 66 66 00", "bf 62 72 63 08 ff");
    smp_peer_write(&world.peer, 1, 4, "a0", "bf 62 72 63 08 ff");
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_log_that_does_not_fit_is_read_from_the_last_index_on),
        test(an_entry_larger_than_any_answer_is_cut_and_no_cbor_any_more),
        test(the_time_counts_before_the_index),
        test(a_cleared_log_is_empty_and_one_that_cannot_be_says_so),
        test(each_crash_is_asked_for_by_its_name),
        test(a_core_dump_is_fetched_in_pieces_and_erased),
        test(without_a_place_for_dumps_the_commands_are_not_supported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
