/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "client/flight.h"

#include "base/bytes.h"
#include "dfu/err.h"

#define RTO_MIN_MS  200u
#define RTO_MAX_MS  10000u
#define BACKOFF_MAX 5u
#define DOUBLINGS   3u   /* of the wait for a chunk */
#define LOSS_APART  16u  /* advances between two losses that say nothing about the way */
#define LOST_KEPT   128u /* requests sent since; half of what tells them apart */
#define WINDOW      4u   /* to begin with, and what losses leave where they may be chance */

#define PARTS (sizeof(((struct dfu_flight *)0)->parts) / sizeof(struct dfu_flight_part))

static bool is_under_way(const struct dfu_flight_part *p)
{
    return p->state == FLIGHT_FLYING || p->state == FLIGHT_VOID;
}

static uint32_t most_ms(const struct dfu_flight *f)
{
    return max_u32(RTO_MAX_MS, 2 * f->answer_ms);
}

void flight_start(struct dfu_flight *f, uint32_t window_max, uint32_t answer_ms,
                  uint32_t latency_ms, uint32_t bytes_per_s)
{
    *f = (struct dfu_flight){ .window_max = max_u32(min_u32(window_max, DFU_FLIGHT_MAX), 1),
                              .answer_ms = answer_ms,
                              .least_ms = RTO_MIN_MS + latency_ms,
                              .bytes_per_s = bytes_per_s,
                              .rto_ms = answer_ms };
    f->window = min_u32(WINDOW, f->window_max);
}

uint32_t flight_count(const struct dfu_flight *f)
{
    uint32_t count = 0;

    for (size_t i = 0; i < PARTS; i++) {
        count += is_under_way(&f->parts[i]);
    }
    return count;
}

/* A free place, or the oldest of those given up; there are twice as many as a window takes. */
static struct dfu_flight_part *place(struct dfu_flight *f)
{
    struct dfu_flight_part *oldest = NULL;

    for (size_t i = 0; i < PARTS; i++) {
        struct dfu_flight_part *p = &f->parts[i];

        if (p->state == FLIGHT_FREE) {
            return p;
        }
        if (p->state == FLIGHT_LOST && (!oldest || p->order < oldest->order)) {
            oldest = p;
        }
    }
    return oldest;
}

/* What is sent now waits on the line for what was sent before. */
static uint64_t leave_ms(struct dfu_flight *f, uint64_t now_ms, size_t frame_len)
{
    if (f->bytes_per_s == 0) {
        return now_ms;
    }
    f->line_free_ms = f->line_free_ms > now_ms ? f->line_free_ms : now_ms;
    f->line_free_ms += (uint64_t)frame_len * 1000u / f->bytes_per_s;
    return f->line_free_ms;
}

struct dfu_flight_part *flight_add(struct dfu_flight *f, uint64_t now_ms, size_t frame_len,
                                   uint32_t off, uint32_t len)
{
    struct dfu_flight_part *p = place(f);

    f->sent++;
    *p = (struct dfu_flight_part){ .state = FLIGHT_FLYING,
                                   .order = f->sent,
                                   .off = off,
                                   .len = len,
                                   .sent_ms = now_ms,
                                   .left_ms = leave_ms(f, now_ms, frame_len) };
    f->window_peak = max_u32(f->window_peak, flight_count(f));
    return p;
}

struct dfu_flight_part *flight_find(struct dfu_flight *f, const struct dfu_call *calls,
                                    const uint8_t *frame, size_t len, struct dfu_answer *answer,
                                    int *err)
{
    for (size_t i = 0; i < PARTS; i++) {
        struct dfu_call call;

        if (f->parts[i].state == FLIGHT_FREE) {
            continue;
        }
        call = calls[f->parts[i].deed];
        call.seq = f->parts[i].seq;
        *err = dfu_client_answer(&call, frame, len, answer);
        if (*err != DFU_ERR_NOENT) {
            return &f->parts[i];
        }
    }
    return NULL;
}

/* An answer came before its request can have left: the line is faster than was said, as USB is
 * than any baud rate. How much, the next answers tell; nothing is known to wait. */
static void hasten(struct dfu_flight *f, uint64_t now_ms)
{
    f->bytes_per_s *= 2;
    f->line_free_ms = now_ms;
    for (size_t i = 0; i < PARTS; i++) {
        uint64_t *left_ms = &f->parts[i].left_ms;

        *left_ms = *left_ms < now_ms ? *left_ms : now_ms;
    }
}

void flight_measure(struct dfu_flight *f, uint64_t now_ms, uint64_t sent_ms, uint64_t left_ms)
{
    uint64_t rtt_ms = now_ms - (left_ms > now_ms ? sent_ms : left_ms);
    int32_t rtt = (int32_t)(rtt_ms < most_ms(f) ? rtt_ms : most_ms(f));
    int32_t srtt = (int32_t)f->srtt_8, var = (int32_t)f->rttvar_4, delta;

    f->heard_ms = now_ms;
    if (left_ms > now_ms) {
        hasten(f, now_ms);
    }
    if (!f->has_rtt) {
        srtt = rtt * 8;
        var = rtt * 2;
        f->has_rtt = true;
    } else {
        delta = rtt - srtt / 8;
        srtt += delta;
        var += (delta < 0 ? -delta : delta) - var / 4;
    }
    f->srtt_8 = (uint32_t)srtt;
    f->rttvar_4 = (uint32_t)var;
    f->rto_ms = max_u32(min_u32(f->srtt_8 / 8 + f->rttvar_4, most_ms(f)), f->least_ms);
}

void flight_grow(struct dfu_flight *f)
{
    f->credit++;
    f->since_loss++;
    f->backoff = 0;
    if (f->window < f->window_max && (!f->is_cautious || f->credit >= f->window)) {
        f->window++;
        f->credit = 0;
    }
}

uint64_t flight_patience(const struct dfu_flight *f)
{
    uint64_t wait_ms = (uint64_t)f->rto_ms << min_u32(f->backoff, DOUBLINGS);

    return wait_ms < most_ms(f) ? wait_ms : most_ms(f);
}

void flight_back_off(struct dfu_flight *f)
{
    f->backoff = f->backoff < BACKOFF_MAX ? (uint8_t)(f->backoff + 1) : f->backoff;
}

/* Since when an answer to it has been waited for. */
static uint64_t awaited_ms(const struct dfu_flight *f, const struct dfu_flight_part *p)
{
    return p->left_ms > f->heard_ms ? p->left_ms : f->heard_ms;
}

bool flight_expire(struct dfu_flight *f, uint64_t now_ms, uint64_t wait_ms)
{
    bool is_lost = false;

    for (size_t i = 0; i < PARTS; i++) {
        struct dfu_flight_part *p = &f->parts[i];

        if (is_under_way(p) && now_ms >= awaited_ms(f, p) + wait_ms) {
            is_lost = is_lost || p->state == FLIGHT_FLYING;
            p->state = FLIGHT_LOST;
        }
        if (p->state == FLIGHT_LOST && f->sent - p->order > LOST_KEPT) {
            p->state = FLIGHT_FREE; /* its sequence number comes up again */
        }
    }
    if (is_lost) {
        flight_set_all(f, FLIGHT_LOST);
        flight_slow_down(f);
        flight_back_off(f);
    }
    return is_lost;
}

uint64_t flight_due_ms(const struct dfu_flight *f, uint64_t wait_ms)
{
    uint64_t due_ms = UINT64_MAX;

    for (size_t i = 0; i < PARTS; i++) {
        const struct dfu_flight_part *p = &f->parts[i];

        if (is_under_way(p) && awaited_ms(f, p) + wait_ms < due_ms) {
            due_ms = awaited_ms(f, p) + wait_ms;
        }
    }
    return due_ms;
}

void flight_forget(struct dfu_flight *f)
{
    for (size_t i = 0; i < PARTS; i++) {
        f->parts[i].state = FLIGHT_FREE;
    }
}

void flight_set_all(struct dfu_flight *f, enum flight_state state)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (is_under_way(&f->parts[i])) {
            f->parts[i].state = (uint8_t)state;
        }
    }
}

void flight_gap(struct dfu_flight *f, uint32_t order)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (f->parts[i].state == FLIGHT_FLYING) {
            f->parts[i].state = f->parts[i].order < order ? FLIGHT_LOST : FLIGHT_VOID;
        }
    }
    flight_slow_down(f);
}

void flight_settle(struct dfu_flight *f, uint32_t order, uint32_t done)
{
    for (size_t i = 0; i < PARTS; i++) {
        struct dfu_flight_part *p = &f->parts[i];

        if (p->order < order &&
            (p->state == FLIGHT_VOID || (p->state == FLIGHT_FLYING && p->off + p->len <= done))) {
            p->state = FLIGHT_LOST;
        }
    }
}

void flight_slow_down(struct dfu_flight *f)
{
    uint32_t least = f->is_by_chance ? min_u32(WINDOW, f->window) : 1;

    f->is_cautious = true;
    if (f->since_loss < LOSS_APART) {
        f->window = max_u32(f->window / 2, least);
    }
    f->since_loss = 0;
    f->credit = 0;
}
