/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* When a client asks for the hashes of pages, and when it asks again: each answer and each moment is
 * written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "by_hand.h"
#include "dfu/cbor.h"
#include "dfu/openssl.h"

/* ---- The question for hashes behind the first chunk ---- */

#define MAP(text) text, sizeof(text) - 1

static const char busy[] = "\xa1\x62rc\x0a", not_supported[] = "\xa1\x62rc\x08";
static const char no_upload[] = "\xa1\x63"
                                "err\xa2\x65group\x18\x41\x62rc\x02";

/* The chunk is sent and in first, the question in frame. */
static void begin_at_once(struct by_hand *h, uint8_t first[8])
{
    by_hand_begin(h, 3);
    h->u.config.sha256 = &dfu_sha256_openssl;
    h->u.config.asks_at_once = true;
    h->u.config.sends_meanwhile = true;
    h->u.flight.is_by_chance = true;
    h->u.plan.is_off = false;
    assert_true(by_hand_next(h) > 0);
    assert_int_equal(h->frame[5], 1);
    memcpy(first, h->frame, 8);
    assert_true(by_hand_next(h) > 0);
    assert_int_equal(h->frame[5], 65);
}

static void a_question_travels_with_the_first_chunk_and_nothing_else(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_at_once(&h, first);
    assert_int_equal(by_hand_next_group(&h), 0);
    h.now_ms += 2400; /* neither is repeated while the device erases */
    assert_int_equal(by_hand_next_group(&h), 0);
    h.now_ms += 101; /* then the chunk is, and a question behind it */
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_int_equal(by_hand_next_group(&h), 65);
    assert_int_equal(by_hand_next_group(&h), 0);
    h.now_ms += 4900;
    assert_int_equal(by_hand_next_group(&h), 0);
    rig_free(h.rig);
}

/* Where it is not wanted, and where there is no buffer for it. */
static void no_question_travels_with_the_first_chunk_where_there_should_be_none(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 4; row++) {
        struct by_hand h;

        by_hand_begin(&h, row % 2 ? 1 : 3);
        h.u.config.sha256 = row < 2 ? &dfu_sha256_openssl : NULL;
        h.u.config.sends_meanwhile = true;
        h.u.config.asks_at_once = row % 2;
        h.u.plan.is_off = row >= 2;
        assert_int_equal(by_hand_next_group(&h), 1);
        assert_int_equal(by_hand_next(&h), 0);
        rig_free(h.rig);
    }
}

/* As from a server that answers before it has done what was asked before. */
static void a_question_that_is_answered_first_repeats_the_chunk_three_times_at_most(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_at_once(&h, first);
    for (unsigned i = 0; i < 3; i++) {
        by_hand_reply_map(&h, h.frame, MAP(no_upload));
        assert_int_equal(by_hand_next_group(&h), 1);
        assert_int_equal(by_hand_next_group(&h), i < 2 ? 65 : 0);
    }
    assert_int_equal(h.u.overtaken, 3);
    assert_int_equal(by_hand_next_group(&h), 0);
    memcpy(h.frame, first, 8); /* the answer to the very first one is as good */
    assert_int_equal(by_hand_reply(&h, 400, -1), DFU_CLIENT_RUNNING);
    assert_false(h.u.is_first);
    assert_int_equal(h.u.acked, 400);
    rig_free(h.rig);
}

#define PARAMS 6

static bool next_is_probe(struct by_hand *h)
{
    return by_hand_next(h) > 0 && h->frame[0] == 8 && h->frame[5] == 0 && h->frame[7] == PARAMS;
}

static void a_server_that_does_not_know_the_question_is_not_asked_again(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_at_once(&h, first);
    by_hand_reply_map(&h, h.frame, MAP(not_supported));
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_true(next_is_probe(&h)); /* it knows this one */
    rig_free(h.rig);
}

/* Its answer belongs to the chunk before it, not to one sent since. */
static void an_answer_to_an_older_question_repeats_nothing(void **state)
{
    struct by_hand h;
    uint8_t first[8], question[8];

    (void)state;
    begin_at_once(&h, first);
    memcpy(question, h.frame, 8);
    memcpy(h.frame, first, 8);
    assert_int_equal(by_hand_reply(&h, 0, -1), DFU_CLIENT_RUNNING); /* it has nothing */
    assert_int_equal(by_hand_next_group(&h), 1);
    by_hand_reply_map(&h, question, MAP(no_upload));
    assert_int_equal(h.u.overtaken, 0);
    assert_int_equal(by_hand_next_group(&h), 65); /* but one behind the new one is asked */
    assert_int_equal(by_hand_next_group(&h), 0);
    rig_free(h.rig);
}

static void a_busy_device_gets_the_first_chunk_again_after_its_pause_only(void **state)
{
    struct by_hand h;
    uint8_t first[8], question[8];

    (void)state;
    begin_at_once(&h, first);
    memcpy(question, h.frame, 8);
    by_hand_reply_map(&h, first, MAP(busy));
    assert_int_equal(by_hand_next_group(&h), 0);
    by_hand_reply_map(&h, question, MAP(no_upload));
    assert_int_equal(h.u.overtaken, 0);
    h.now_ms = dfu_upload_deadline(&h.u);
    assert_in_range(h.now_ms, 200, 600);
    assert_int_equal(by_hand_next_group(&h), 1);
    rig_free(h.rig);
}

static void nor_does_an_open_question_keep_it_back(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_at_once(&h, first);
    by_hand_reply_map(&h, first, MAP(busy));
    h.now_ms = dfu_upload_deadline(&h.u);
    assert_in_range(h.now_ms, 200, 600);
    assert_int_equal(by_hand_next_group(&h), 1);
    rig_free(h.rig);
}

/* What the erase took is not the question's: it is repeated, not given up. */
static void a_question_that_is_lost_is_repeated_once_the_device_has_erased(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_at_once(&h, first);
    h.u.config.first_ms = 60000;
    for (h.now_ms = 2501; h.now_ms < 30000; h.now_ms = dfu_upload_deadline(&h.u)) {
        while (by_hand_next_group(&h)) {
        }
    }
    memcpy(h.frame, first, 8);
    assert_int_equal(by_hand_reply(&h, 400, -1), DFU_CLIENT_RUNNING);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(by_hand_next_group(&h), 1); /* the question takes a buffer */
        assert_int_equal(by_hand_reply(&h, h.u.next, -1), DFU_CLIENT_RUNNING);
    }
    assert_false(h.u.plan.is_off);
    h.now_ms += 2001;
    assert_int_equal(by_hand_next_group(&h), 65);
    rig_free(h.rig);
}

/* ---- The question behind the first chunk that asks for no hashes ---- */

static const char params[] = "\xa1\x69"
                             "buf_count\x04";

/* The chunk is sent and in first, the question in frame: every byte is to be sent, or there is but
 * this chunk. */
static void begin_with_probe(struct by_hand *h, bool is_short, uint8_t first[8])
{
    by_hand_begin(h, 3);
    h->u.config.sha256 = is_short ? &dfu_sha256_openssl : NULL;
    h->u.config.image.size = is_short ? 300 : h->u.config.image.size;
    h->u.config.asks_at_once = true;
    h->u.config.sends_meanwhile = true;
    h->u.flight.is_by_chance = true;
    h->u.plan.is_off = !is_short;
    assert_int_equal(by_hand_next_group(h), 1);
    memcpy(first, h->frame, 8);
    assert_true(next_is_probe(h));
    assert_int_equal(by_hand_next(h), 0);
}

static void without_hashes_too_a_lost_first_chunk_is_sent_again_at_once(void **state)
{
    (void)state;
    for (unsigned is_short = 0; is_short < 2; is_short++) {
        struct by_hand h;
        uint8_t first[8];

        begin_with_probe(&h, is_short, first);
        h.now_ms += 5;
        by_hand_reply_map(&h, h.frame, MAP(params));
        assert_int_equal(by_hand_next_group(&h), 1);
        assert_true(next_is_probe(&h)); /* this one may be lost as well */
        assert_int_equal(h.u.overtaken, 1);
        assert_int_equal(h.u.ignored, 0);
        rig_free(h.rig);
    }
}

static void a_device_that_erases_for_long_gets_nothing_twice_before_its_time(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_with_probe(&h, false, first);
    h.now_ms += 2400;
    assert_int_equal(by_hand_next(&h), 0);
    h.now_ms += 101;
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_true(next_is_probe(&h));
    rig_free(h.rig);
}

/* A server has a buffer for each of the window's chunks, not for the question beside them. */
static void a_probe_takes_the_place_of_a_chunk_until_it_is_answered(void **state)
{
    struct by_hand h;
    uint8_t first[8], probe[8];

    (void)state;
    begin_with_probe(&h, false, first);
    memcpy(probe, h.frame, 8);
    memcpy(h.frame, first, 8);
    (void)by_hand_reply(&h, 400, -1);
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_int_equal(by_hand_next(&h), 0);
    by_hand_reply_map(&h, probe, MAP(params));
    assert_int_equal(h.u.overtaken, 0);
    assert_int_equal(by_hand_next_group(&h), 1);
    assert_int_equal(by_hand_next(&h), 0);
    rig_free(h.rig);
}

static void a_lost_probe_is_not_waited_for(void **state)
{
    struct by_hand h;
    uint8_t first[8];

    (void)state;
    begin_with_probe(&h, false, first);
    memcpy(h.frame, first, 8);
    (void)by_hand_reply(&h, 400, -1);
    assert_int_equal(by_hand_next_group(&h), 1);
    (void)by_hand_reply(&h, h.u.next, -1); /* to what was sent behind it */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(by_hand_next_group(&h), 1);
    }
    assert_int_equal(by_hand_next(&h), 0);
    rig_free(h.rig);
}

/* ---- A question behind chunks, on a slow line ---- */

/* One page at off that the device has not, in a map. */
static size_t one_page(uint32_t off, char *map, size_t cap)
{
    static const uint8_t hash[8];
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, (uint8_t *)map, cap, false);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", off);
    dfu_cbor_pair_uint(&enc, "len", 4096);
    dfu_cbor_pair_uint(&enc, "size", 4096);
    dfu_cbor_pair_uint(&enc, "copy", 4096);
    dfu_cbor_pair_bytes(&enc, "hashes", hash, sizeof(hash));
    dfu_cbor_end(&enc);
    return enc.len;
}

static void reply_page(struct by_hand *h, uint32_t off)
{
    char map[64];
    size_t len = one_page(off, map, sizeof(map));

    h->now_ms += 10;
    by_hand_reply_map(h, h->frame, map, len);
}

#define LINE 100u /* bytes in a second: a frame of 512 takes 5 s */

/* What is on its way, in the order of sending. */
struct chunks {
    uint8_t heads[8][8];
    uint32_t ends[8];
    unsigned count;
};

static void send_chunk(struct by_hand *h, struct chunks *chunks)
{
    assert_int_equal(by_hand_next_group(h), 1);
    memcpy(chunks->heads[chunks->count], h->frame, 8);
    chunks->ends[chunks->count++] = h->u.next;
}

/* The answer to one comes, and the next is sent. */
static void answer_chunk(struct by_hand *h, uint64_t now_ms, struct chunks *chunks, unsigned i)
{
    h->now_ms = now_ms;
    memcpy(h->frame, chunks->heads[i], 8);
    (void)by_hand_reply(h, chunks->ends[i], -1);
    send_chunk(h, chunks);
    assert_int_equal(by_hand_next_group(h), 0);
}

/* Up to the page at 8192, before and behind which one page is known of: then two chunks, the last
 * of their part, are on the line, and the question for the part after the next behind them. */
static void ask_behind_two_chunks(struct by_hand *h, struct chunks *chunks)
{
    by_hand_begin(h, 3);
    h->u.config.sha256 = &dfu_sha256_openssl;
    h->u.config.silence_ms = 60000;
    h->u.flight.bytes_per_s = LINE;
    h->u.plan.is_off = false;
    assert_int_equal(by_hand_next_group(h), 1);
    h->now_ms += 5200;
    (void)by_hand_reply(h, h->u.next, -1);
    assert_int_equal(by_hand_next_group(h), 65);
    reply_page(h, 4096);
    assert_int_equal(by_hand_next_group(h), 65); /* of the running slot */
    by_hand_reply_map(h, h->frame, MAP(not_supported));
    assert_int_equal(by_hand_next_group(h), 65); /* the next part */
    reply_page(h, 8192);
    while (h->u.next < 8192 - 2 * 496) {
        assert_int_equal(by_hand_next_group(h), 1);
        h->now_ms += 5200;
        (void)by_hand_reply(h, h->u.next, -1);
    }
    chunks->count = 0;
    send_chunk(h, chunks);
    send_chunk(h, chunks);
    assert_int_equal(h->u.next, 8192);
    assert_int_equal(by_hand_next_group(h), 65);
    assert_int_equal(by_hand_next_group(h), 0);
}

static void a_question_is_not_repeated_while_chunks_before_it_are_on_the_line(void **state)
{
    struct by_hand h;
    struct chunks chunks;
    uint64_t start_ms;
    unsigned group;

    (void)state;
    ask_behind_two_chunks(&h, &chunks);
    start_ms = h.now_ms;
    h.now_ms = start_ms + 4900; /* all are on the line yet */
    assert_int_equal(by_hand_next_group(&h), 0);
    answer_chunk(&h, start_ms + 5200, &chunks, 0);
    h.now_ms = start_ms + 5900; /* the second, of 80 bytes, was until now */
    assert_int_equal(by_hand_next_group(&h), 0);
    answer_chunk(&h, start_ms + 6200, &chunks, 1);
    h.now_ms = start_ms + 11000; /* and who knows in which order the next one left */
    assert_int_equal(by_hand_next_group(&h), 0);
    /* What was sent after the question says nothing about it. */
    answer_chunk(&h, start_ms + 11200, &chunks, 2);
    h.now_ms = start_ms + 11700;
    do {
        group = by_hand_next_group(&h);
    } while (group == 1);
    assert_int_equal(group, 65);
    rig_free(h.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_travels_with_the_first_chunk_and_nothing_else),
        cmocka_unit_test(no_question_travels_with_the_first_chunk_where_there_should_be_none),
        cmocka_unit_test(a_question_that_is_answered_first_repeats_the_chunk_three_times_at_most),
        cmocka_unit_test(a_server_that_does_not_know_the_question_is_not_asked_again),
        cmocka_unit_test(an_answer_to_an_older_question_repeats_nothing),
        cmocka_unit_test(a_busy_device_gets_the_first_chunk_again_after_its_pause_only),
        cmocka_unit_test(nor_does_an_open_question_keep_it_back),
        cmocka_unit_test(a_question_that_is_lost_is_repeated_once_the_device_has_erased),
        cmocka_unit_test(without_hashes_too_a_lost_first_chunk_is_sent_again_at_once),
        cmocka_unit_test(a_device_that_erases_for_long_gets_nothing_twice_before_its_time),
        cmocka_unit_test(a_probe_takes_the_place_of_a_chunk_until_it_is_answered),
        cmocka_unit_test(a_lost_probe_is_not_waited_for),
        cmocka_unit_test(a_question_is_not_repeated_while_chunks_before_it_are_on_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
