/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "session.h"

#include <time.h>
#include <unistd.h>

#include "dfu/err.h"
#include "dfu/smp.h"

#define TICK_MS          100u
#define REOPEN_MS        100u
#define REOPEN_MAX_MS    2000u
#define TIMEOUT_MS       5000u
#define ERASE_TIMEOUT_MS 60000u
#define FIRST_ANSWER_MS  1000u
#define LATENCY_TRIES    4u /* that a device which sleeps may miss */
#define OPENING_MS       10u
#define AT_ONE_GO        32 /* packets, where others wait for their turn */

static int open_link(struct dfu_session *s, char why[DFU_LINK_WHY_LEN])
{
    int err = s->waits_for_none ? dfu_link_begin(&s->link, s->target, why)
                                : dfu_link_open(&s->link, s->target, why);

    s->opens += !err && !s->link.is_opening;
    return err;
}

int dfu_session_go_on(struct dfu_session *s, char why[DFU_LINK_WHY_LEN])
{
    int err = dfu_link_go_on(&s->link, why);

    s->opens += !err && !s->link.is_opening;
    return err;
}

int dfu_session_open(struct dfu_session *s, char why[DFU_LINK_WHY_LEN])
{
    s->version = DFU_SMP_V2;
    s->seq = (uint8_t)((unsigned)getpid() * 37u + (unsigned)time(NULL));
    return open_link(s, why);
}

void dfu_session_close(struct dfu_session *s)
{
    dfu_link_close(&s->link);
}

static void try_again_in(struct dfu_session *s, uint64_t now_ms, uint32_t wait_ms)
{
    dfu_link_close(&s->link);
    s->reopen_wait_ms = REOPEN_MS;
    s->reopen_ms = now_ms + wait_ms;
}

static void lose_link(struct dfu_session *s)
{
    if (s->hooks.lost) {
        s->hooks.lost(s->hooks.ctx);
    }
    try_again_in(s, dfu_link_now_ms(), REOPEN_MS);
}

/* A link that is down swallows what is sent: the jobs repeat, and end, by their own clocks. */
static void reopen(struct dfu_session *s, const struct dfu_job *job, uint64_t now_ms)
{
    char why[DFU_LINK_WHY_LEN];
    int err;

    if (!s->link.is_opening && now_ms < s->reopen_ms) {
        return;
    }
    err = s->link.is_opening ? dfu_session_go_on(s, why) : open_link(s, why);
    if (err) {
        s->reopen_wait_ms *= 2;
        s->reopen_wait_ms = s->reopen_wait_ms < REOPEN_MAX_MS ? s->reopen_wait_ms : REOPEN_MAX_MS;
        s->reopen_ms = now_ms + s->reopen_wait_ms;
    } else if (!s->link.is_opening && job->link_back) {
        job->link_back(job->ctx, now_ms);
    }
}

static bool send_one(struct dfu_session *s, const uint8_t *frame, size_t len)
{
    if (s->hooks.sent) {
        s->hooks.sent(s->hooks.ctx, frame, len);
    }
    return s->link.kind && dfu_link_send(&s->link, frame, len) == 0;
}

static void send_all(struct dfu_session *s, const struct dfu_job *job)
{
    size_t len;

    while ((len = job->next(job->ctx, dfu_link_now_ms(), s->out, sizeof(s->out))) > 0) {
        bool was_open = s->link.kind != NULL;

        if (!send_one(s, s->out, len) && was_open) {
            lose_link(s);
        }
    }
}

static bool watch_it(dfu_session_watch *watch, void *watch_ctx)
{
    return !watch || watch(watch_ctx, dfu_link_now_ms());
}

static void deliver(struct dfu_session *s, const struct dfu_job *job, size_t len)
{
    if (!s->hooks.received || !s->hooks.received(s->hooks.ctx, s->in, len)) {
        job->answer(job->ctx, dfu_link_now_ms(), s->in, len);
    }
    send_all(s, job);
}

/* False: the watcher has seen enough. */
static bool receive_some(struct dfu_session *s, const struct dfu_job *job, dfu_session_watch *watch,
                         void *watch_ctx, uint32_t wait_ms)
{
    int len = dfu_link_receive(&s->link, s->in, sizeof(s->in), wait_ms);

    while (len > 0 && !job->is_over(job->ctx)) {
        deliver(s, job, (size_t)len);
        if (!watch_it(watch, watch_ctx)) {
            return false;
        }
        len = s->link.kind ? dfu_link_receive(&s->link, s->in, sizeof(s->in), 0) : 0;
    }
    if (len < 0) {
        lose_link(s);
    }
    return true;
}

static uint32_t wait_of(uint64_t due_ms, uint64_t now_ms)
{
    uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

    return left_ms < TICK_MS ? (uint32_t)left_ms : TICK_MS;
}

static void keep_open(struct dfu_session *s, const struct dfu_job *job, uint64_t now_ms)
{
    if (job->wants_reconnect && job->wants_reconnect(job->ctx)) {
        try_again_in(s, now_ms, 0);
    }
    if (!s->link.kind || s->link.is_opening) {
        reopen(s, job, now_ms);
    }
}

static uint64_t link_due_ms(const struct dfu_session *s, uint64_t now_ms)
{
    if (s->link.is_opening) { /* its file may be another one each time: callers can't watch it */
        return now_ms + OPENING_MS;
    }
    return s->link.kind ? UINT64_MAX : s->reopen_ms;
}

uint64_t dfu_session_turn(struct dfu_session *s, const struct dfu_job *job)
{
    uint64_t now_ms, due_ms;
    uint32_t opens = s->opens;
    int len = 0;

    for (int i = 0; i < AT_ONE_GO && s->link.kind && !job->is_over(job->ctx); i++) {
        len = dfu_link_receive(&s->link, s->in, sizeof(s->in), 0);
        if (len <= 0) {
            break;
        }
        deliver(s, job, (size_t)len);
    }
    if (len < 0) {
        lose_link(s);
    }
    send_all(s, job);
    now_ms = dfu_link_now_ms();
    if (job->is_over(job->ctx)) {
        return now_ms;
    }
    keep_open(s, job, now_ms);
    if (s->opens != opens) { /* what is sent anew has no deadline */
        send_all(s, job);
    }
    due_ms = len > 0 ? now_ms : job->deadline(job->ctx);
    return link_due_ms(s, now_ms) < due_ms ? link_due_ms(s, now_ms) : due_ms;
}

int dfu_session_run(struct dfu_session *s, const struct dfu_job *job, dfu_session_watch *watch,
                    void *watch_ctx)
{
    while (!job->is_over(job->ctx)) {
        bool goes_on = true;
        uint64_t now_ms;

        send_all(s, job);
        now_ms = dfu_link_now_ms();
        if (job->is_over(job->ctx)) {
            break;
        }
        keep_open(s, job, now_ms);
        if (s->link.kind) {
            goes_on =
                receive_some(s, job, watch, watch_ctx, wait_of(job->deadline(job->ctx), now_ms));
        } else {
            usleep(wait_of(s->reopen_ms, now_ms) * 1000u + 1000u);
        }
        if (!goes_on || !watch_it(watch, watch_ctx)) {
            return DFU_ERR_STOPPED;
        }
    }
    return 0;
}

struct dfu_call dfu_session_call(struct dfu_session *s)
{
    return (struct dfu_call){ .version = s->version, .seq = s->seq++ };
}

void dfu_session_exchange(const struct dfu_session *s, struct dfu_exchange *x,
                          const struct dfu_call *call, uint8_t *frame, int len,
                          enum dfu_patience patience)
{
    bool is_slow = patience == DFU_PATIENCE_ERASES || patience == DFU_PATIENCE_SLOW;
    uint32_t wait_ms = s->link.answer_ms ? s->link.answer_ms : FIRST_ANSWER_MS;
    uint32_t limit_ms = (is_slow ? ERASE_TIMEOUT_MS : TIMEOUT_MS) + LATENCY_TRIES * s->latency_ms;

    limit_ms = s->timeout_ms ? s->timeout_ms : limit_ms;
    if (patience == DFU_PATIENCE_ONCE || patience == DFU_PATIENCE_ERASES) {
        wait_ms = patience == DFU_PATIENCE_ONCE ? limit_ms : limit_ms / 2;
    }
    dfu_exchange_start(x, call, frame, len, wait_ms + s->latency_ms, limit_ms);
}

int dfu_session_ask(struct dfu_session *s, const struct dfu_call *call, uint8_t *frame, int len,
                    enum dfu_patience patience, struct dfu_answer *answer)
{
    struct dfu_exchange x;
    struct dfu_job job;

    dfu_session_exchange(s, &x, call, frame, len, patience);
    job = dfu_job_of_exchange(&x);
    (void)dfu_session_run(s, &job, NULL, NULL);
    s->version = x.call.version;
    *answer = x.answer;
    return x.result;
}
