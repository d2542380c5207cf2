/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Several exchanges on their way together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/client_job.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define WAIT_MS  100u
#define LIMIT_MS 1000u

struct world {
    struct dfu_exchange each[2];
    uint8_t frames[2][64];
    struct dfu_exchanges all;
    struct dfu_job job;
    const struct dfu_exchange *told[4];
    uint32_t told_count, buf_size;
};

static void answered(void *ctx, const struct dfu_exchange *exchange)
{
    struct world *w = ctx;
    struct dfu_client_params params = { 0 };

    assert_true(w->told_count < 4);
    w->told[w->told_count++] = exchange;
    if (exchange->result == 0 && exchange == &w->each[1]) {
        assert_int_equal(dfu_client_params_read(&exchange->answer, &params), 0);
        w->buf_size = params.buf_size;
    }
}

static void begin_with(struct world *w, uint32_t wait_ms, uint32_t limit_ms)
{
    *w = (struct world){ .buf_size = 0 };
    for (uint8_t i = 0; i < 2; i++) {
        struct dfu_call call = { .version = DFU_SMP_V2, .seq = (uint8_t)(7 + i) };
        int len = dfu_client_params(&call, w->frames[i], sizeof(w->frames[i]));

        assert_true(len > 0);
        dfu_exchange_start(&w->each[i], &call, w->frames[i], len, wait_ms, limit_ms);
    }
    w->all = (struct dfu_exchanges){ w->each, 2, answered, w };
    w->job = dfu_job_of_exchanges(&w->all);
}

static void begin(struct world *w)
{
    begin_with(w, WAIT_MS, LIMIT_MS);
}

/* The sequence number of what is sent, -1 if nothing is. */
static int sent(struct world *w, uint64_t now_ms)
{
    uint8_t frame[64];
    size_t len = w->job.next(w->job.ctx, now_ms, frame, sizeof(frame));

    return len > 0 ? frame[6] : -1;
}

/* {"buf_size": 2048, "buf_count": 4}, or {"rc": 8} */
static void answer_at(struct world *w, uint64_t now_ms, uint8_t seq, bool is_refusal)
{
    static const char told[] = "\xa2\x68"
                               "buf_size\x19\x08\x00\x69"
                               "buf_count\x04";
    static const char refused[] = "\xa1\x62rc\x08";
    const char *body = is_refusal ? refused : told;
    size_t len = is_refusal ? sizeof(refused) - 1 : sizeof(told) - 1;
    uint8_t frame[64] = { 1 | 1 << 3, 0, 0, (uint8_t)len, 0, 0, seq, 6 };

    memcpy(frame + 8, body, len);
    w->job.answer(w->job.ctx, now_ms, frame, 8 + len);
}

static void answer(struct world *w, uint8_t seq, bool is_refusal)
{
    answer_at(w, 0, seq, is_refusal);
}

static void all_are_sent_before_any_is_answered(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(sent(&w, 0), 7);
    assert_int_equal(sent(&w, 0), 8);
    assert_int_equal(sent(&w, 0), -1);
    assert_int_equal(w.job.deadline(w.job.ctx), WAIT_MS);
    assert_false(w.job.is_over(w.job.ctx));
}

static void each_is_told_once_in_the_order_of_the_answers(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    (void)sent(&w, 0);
    (void)sent(&w, 0);
    answer(&w, 8, false);
    assert_int_equal(w.buf_size, 2048);
    assert_false(w.job.is_over(w.job.ctx));
    answer(&w, 8, false); /* a second time */
    answer(&w, 9, false); /* somebody else's */
    assert_int_equal(w.told_count, 1);
    answer(&w, 7, true);
    assert_int_equal(w.told_count, 2);
    assert_true(w.told[0] == &w.each[1] && w.told[1] == &w.each[0]);
    assert_int_equal(w.each[0].result, DFU_ERR_PERM);
    assert_int_equal(w.each[1].result, 0);
    assert_true(w.job.is_over(w.job.ctx));
    assert_true(w.job.deadline(w.job.ctx) == UINT64_MAX);
}

static void only_what_is_not_answered_is_repeated_and_given_up(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    (void)sent(&w, 0);
    (void)sent(&w, 0);
    assert_int_equal(sent(&w, WAIT_MS - 1), -1);
    assert_int_equal(sent(&w, WAIT_MS), 7);
    assert_int_equal(sent(&w, WAIT_MS), 8);
    assert_int_equal(sent(&w, WAIT_MS), -1);
    answer_at(&w, WAIT_MS, 7, false); /* to which try, nobody knows */
    assert_int_equal(sent(&w, 3 * WAIT_MS - 1), -1);
    assert_int_equal(sent(&w, 3 * WAIT_MS), 8);
    assert_int_equal(sent(&w, 3 * WAIT_MS), -1);
    assert_int_equal(w.job.deadline(w.job.ctx), 7 * WAIT_MS);
    assert_int_equal(sent(&w, LIMIT_MS), -1);
    assert_true(w.job.is_over(w.job.ctx));
    assert_int_equal(w.each[0].result, 0);
    assert_int_equal(w.each[1].result, DFU_ERR_TIMEOUT);
    assert_int_equal(w.told_count, 1);
}

/* Servers answer in order. */
static void an_answer_shows_that_an_earlier_question_is_lost(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    (void)sent(&w, 0);
    (void)sent(&w, 0);
    answer_at(&w, 30, 8, false);
    assert_int_equal(w.job.deadline(w.job.ctx), 30);
    assert_int_equal(sent(&w, 30), 7);
    assert_int_equal(sent(&w, 30), -1);
    answer_at(&w, 60, 7, false);
    assert_true(w.job.is_over(w.job.ctx));
}

/* It takes no longer than the one before it, or what a device needs, and no longer than ever. */
static void the_answer_to_a_later_question_is_expected_soon(void **state)
{
    static const uint32_t wait_ms[] = { 2000, 2000, 500 };
    static const uint64_t took_ms[] = { 3, 400, 400 }, due_ms[] = { 103, 800, 500 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world w;

        begin_with(&w, wait_ms[i], 9000);
        (void)sent(&w, 0);
        (void)sent(&w, 0);
        answer_at(&w, took_ms[i], 7, false);
        assert_int_equal(w.job.deadline(w.job.ctx), due_ms[i]);
        assert_int_equal(sent(&w, due_ms[i] - 1), -1);
        assert_int_equal(sent(&w, due_ms[i]), 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_sent_before_any_is_answered),
        cmocka_unit_test(each_is_told_once_in_the_order_of_the_answers),
        cmocka_unit_test(only_what_is_not_answered_is_repeated_and_given_up),
        cmocka_unit_test(an_answer_shows_that_an_earlier_question_is_lost),
        cmocka_unit_test(the_answer_to_a_later_question_is_expected_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
