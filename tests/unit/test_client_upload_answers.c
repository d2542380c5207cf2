/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The upload against servers unlike ours: each answer is written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "by_hand.h"
#include "dfu/cbor.h"
#include "dfu/err.h"

static void a_copy_that_does_not_match_is_a_failure(void **state)
{
    struct by_hand h;

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    assert_int_equal(by_hand_reply(&h, h.u.config.image.size, 0), DFU_ERR_VERIFY);
    rig_free(h.rig);
}

static void a_server_that_never_advances_is_left(void **state)
{
    struct by_hand h;
    unsigned requests = 0;

    (void)state;
    by_hand_begin(&h, 1);
    while (h.u.result == DFU_CLIENT_RUNNING && by_hand_next(&h) > 0) {
        by_hand_reply(&h, 64, -1);
        requests++;
    }
    assert_int_equal(h.u.result, DFU_ERR_STATE);
    assert_in_range(requests, 10, 30);
    rig_free(h.rig);
}

static void a_server_that_forgets_again_and_again_is_left(void **state)
{
    struct by_hand h;
    unsigned requests = 0;

    (void)state;
    by_hand_begin(&h, 1);
    while (h.u.result == DFU_CLIENT_RUNNING && by_hand_next(&h) > 0) {
        by_hand_reply(&h, requests % 2 ? 0 : 64, -1);
        requests++;
    }
    assert_int_equal(h.u.result, DFU_ERR_STATE);
    assert_in_range(requests, 20, 60);
    rig_free(h.rig);
}

/* Servers with large write units store part of a chunk and ask for the rest. */
static void a_chunk_taken_in_part_is_continued_from_there(void **state)
{
    struct by_hand h;
    uint32_t off = 0;
    struct dfu_cbor_span data, body;
    uint32_t at;

    (void)state;
    by_hand_begin(&h, 1);
    while (h.u.result == DFU_CLIENT_RUNNING) {
        struct dfu_cbor_key keys[] = { { "off", DFU_CBOR_UINT, &at, false },
                                       { "data", DFU_CBOR_BYTES, &data, false } };
        size_t len = by_hand_next(&h);

        assert_true(len > 0);
        body = (struct dfu_cbor_span){ h.frame + 8, len - 8 };
        assert_int_equal(dfu_cbor_decode_map(body, keys, 2), 0);
        assert_int_equal(at, off);
        assert_memory_equal(data.data, h.rig->new_image.bytes + off, data.len);
        off += (uint32_t)data.len;
        off = off == h.u.config.image.size ? off : off - off % 96;
        by_hand_reply(&h, off, -1);
    }
    assert_int_equal(h.u.result, 0);
    rig_free(h.rig);
}

/* After a lost link the device may be further than was heard, in the middle of a chunk: it drops
 * that one, and says the offset that is known already. */
static void a_chunk_that_begins_before_what_the_device_has_is_sent_again_from_there(void **state)
{
    struct by_hand h;
    uint8_t first[sizeof(h.frame)], answer[80];
    size_t len;

    (void)state;
    by_hand_begin(&h, 2);
    assert_true(by_hand_next(&h) > 0);
    assert_int_equal(by_hand_reply(&h, 400, -1), DFU_CLIENT_RUNNING);
    assert_true(by_hand_next(&h) > 0);
    memcpy(first, h.frame, sizeof(first));
    assert_true(by_hand_next(&h) > 0);
    len = by_hand_answer(first, 1000, -1, answer);
    (void)dfu_upload_answer(&h.u, h.now_ms, answer, len);
    assert_true(h.u.flight.parts[0].len + 400 < 1000 && h.u.next > 1000);
    assert_int_equal(by_hand_reply(&h, 1000, -1), DFU_CLIENT_RUNNING);
    assert_true(by_hand_next(&h) > 0);
    assert_int_equal(h.u.next, 1000 + h.u.flight.parts[0].len);
    rig_free(h.rig);
}

static void an_answer_beyond_the_end_or_without_an_offset_is_no_progress(void **state)
{
    static const uint8_t no_off[] = { 0x0b, 0, 0, 2, 0, 1, 0, 1, 0xbf, 0xff };
    struct by_hand h;
    unsigned answers = 0;

    (void)state;
    by_hand_begin(&h, 1);
    while (h.u.result == DFU_CLIENT_RUNNING && by_hand_next(&h) > 0) {
        if (answers++ % 2) {
            by_hand_reply(&h, h.u.config.image.size + 1, 1);
        } else {
            uint8_t copy[sizeof(no_off)];

            memcpy(copy, no_off, sizeof(copy));
            copy[6] = h.frame[6];
            dfu_upload_answer(&h.u, h.now_ms, copy, sizeof(copy));
        }
        assert_int_equal(h.u.acked, 0);
    }
    assert_int_equal(h.u.result, DFU_ERR_FORMAT);
    assert_in_range(answers, 2, 20);
    rig_free(h.rig);
}

static void answers_to_nobody_are_ignored(void **state)
{
    struct by_hand h;

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    h.frame[6] ^= 0x55;
    assert_int_equal(by_hand_reply(&h, h.u.config.image.size, 1), DFU_CLIENT_RUNNING);
    h.frame[6] ^= 0x55;
    h.frame[7] ^= 1;
    assert_int_equal(by_hand_reply(&h, h.u.config.image.size, 1), DFU_CLIENT_RUNNING);
    h.frame[7] ^= 1;
    assert_int_equal(h.u.ignored, 2);
    assert_int_equal(by_hand_reply(&h, 200, -1), DFU_CLIENT_RUNNING);
    assert_int_equal(h.u.acked, 200);
    assert_int_equal(by_hand_reply(&h, 300, -1), DFU_CLIENT_RUNNING); /* the same one again */
    assert_int_equal(h.u.acked, 200);
    rig_free(h.rig);
}

static int refuse(struct by_hand *h, uint8_t rc)
{
    const uint8_t answer[] = {
        (uint8_t)(h->frame[0] + 1), 0, 0, 6, 0, 1, h->frame[6], 1, 0xbf, 0x62, 'r', 'c', rc, 0xff
    };

    return dfu_upload_answer(&h->u, h->now_ms, answer, sizeof(answer));
}

/* Old news: the answer to the second request overtook the one to the first. */
static void answers_that_overtake_each_other_are_not_a_step_back(void **state)
{
    struct by_hand h;
    uint8_t first[1024];
    uint32_t first_end, second_end;

    (void)state;
    by_hand_begin(&h, 3);
    assert_true(by_hand_next(&h) > 0);
    by_hand_reply(&h, h.u.next, -1);
    assert_true(by_hand_next(&h) > 0);
    memcpy(first, h.frame, sizeof(first));
    first_end = h.u.next;
    assert_true(by_hand_next(&h) > 0);
    second_end = h.u.next;
    by_hand_reply(&h, second_end, -1);
    memcpy(h.frame, first, sizeof(first));
    by_hand_reply(&h, first_end, -1);
    assert_int_equal(h.u.acked, second_end);
    assert_int_equal(h.u.stalls, 0);
    rig_free(h.rig);
}

static void a_slow_erase_does_not_slow_down_what_follows(void **state)
{
    struct by_hand h;

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    h.now_ms += 2400;
    by_hand_reply(&h, 400, -1);
    assert_true(by_hand_next(&h) > 0);
    assert_int_equal(dfu_upload_deadline(&h.u) - h.now_ms, 1000);
    rig_free(h.rig);
}

static void a_link_that_only_comes_and_goes_ends_the_upload(void **state)
{
    struct by_hand h;

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    by_hand_reply(&h, 400, -1);
    while (h.u.result == DFU_CLIENT_RUNNING) {
        h.now_ms += 500;
        dfu_upload_link_back(&h.u, h.now_ms);
        (void)by_hand_next(&h);
        assert_true(h.now_ms < 60000);
    }
    assert_int_equal(h.u.result, DFU_ERR_TIMEOUT);
    rig_free(h.rig);
}

static void a_busy_device_is_asked_again_with_growing_pauses(void **state)
{
    struct by_hand h;
    uint64_t pause_ms[3];

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    by_hand_reply(&h, 200, -1);
    assert_true(by_hand_next(&h) > 0);
    for (int i = 0; i < 3; i++) {
        uint64_t since_ms = h.now_ms;

        assert_int_equal(refuse(&h, 10), DFU_CLIENT_RUNNING);
        assert_int_equal(by_hand_next(&h), 0);
        while (by_hand_next(&h) == 0) {
            assert_true(dfu_upload_deadline(&h.u) > h.now_ms);
            h.now_ms = dfu_upload_deadline(&h.u);
        }
        pause_ms[i] = h.now_ms - since_ms;
    }
    assert_true(pause_ms[0] >= 250 && pause_ms[1] > pause_ms[0] && pause_ms[2] > pause_ms[1]);
    assert_int_equal(by_hand_reply(&h, 400, -1), DFU_CLIENT_RUNNING);
    assert_int_equal(h.u.acked, 400);
    rig_free(h.rig);
}

static void a_device_that_stays_busy_is_reported_as_such(void **state)
{
    struct by_hand h;

    (void)state;
    by_hand_begin(&h, 1);
    assert_true(by_hand_next(&h) > 0);
    by_hand_reply(&h, 200, -1);
    while (h.u.result == DFU_CLIENT_RUNNING) {
        if (by_hand_next(&h) > 0) {
            refuse(&h, 10);
        } else if (h.u.result == DFU_CLIENT_RUNNING) {
            h.now_ms = dfu_upload_deadline(&h.u);
        }
    }
    assert_int_equal(h.u.result, DFU_ERR_PERM);
    assert_int_equal(h.u.refusal.rc, 10);
    rig_free(h.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_does_not_match_is_a_failure),
        cmocka_unit_test(a_server_that_never_advances_is_left),
        cmocka_unit_test(a_server_that_forgets_again_and_again_is_left),
        cmocka_unit_test(a_chunk_taken_in_part_is_continued_from_there),
        cmocka_unit_test(a_chunk_that_begins_before_what_the_device_has_is_sent_again_from_there),
        cmocka_unit_test(an_answer_beyond_the_end_or_without_an_offset_is_no_progress),
        cmocka_unit_test(answers_to_nobody_are_ignored),
        cmocka_unit_test(answers_that_overtake_each_other_are_not_a_step_back),
        cmocka_unit_test(a_slow_erase_does_not_slow_down_what_follows),
        cmocka_unit_test(a_link_that_only_comes_and_goes_ends_the_upload),
        cmocka_unit_test(a_busy_device_is_asked_again_with_growing_pauses),
        cmocka_unit_test(a_device_that_stays_busy_is_reported_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
