/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Go-back-N with a window, as the servers' strict order asks for. What always holds: acked is
 * what the newest request that was answered told us; every transmission has a sequence number of
 * its own, so each answer says when and what it answers; an old answer may only advance. */
#include "dfu/upload.h"

#include "base/bytes.h"
#include "client/pages.h"
#include "client/upload_chunk.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define ANSWER_MS       1000u
#define FIRST_MS        60000u
#define SILENCE_MS      20000u
#define SILENCE_TRIES   16u   /* that a long way must allow, where nobody said how long to wait */
#define FIRST_REPEAT_MS 2500u /* first repeat of the first chunk; then doubled */
#define RTO_MIN_MS      200u
#define RTO_MAX_MS      10000u
#define HOLD_MS         250u /* first pause for a busy device; then doubled */
#define HOLD_MAX_MS     4000u
#define BACKOFF_MAX     5u
#define STALLS_MAX      16u  /* rewinds without a new byte */
#define RESTARTS_MAX    20u  /* starts from the first chunk without getting further than before */
#define BROKEN_MAX      8u   /* answers that make no sense */
#define LOSS_APART      16u  /* advances between two losses that say nothing about the way */
#define LOST_KEPT       128u /* requests sent since; half of what tells them apart */
#define FRAME_MAX       (DFU_SMP_HEADER_SIZE + UINT16_MAX)

enum { FREE, FLYING, VOID, LOST };

#define CHUNKS (sizeof(((struct dfu_upload *)0)->chunks) / sizeof(struct dfu_upload_chunk))

static void finish(struct dfu_upload *u, int result)
{
    if (u->result == DFU_CLIENT_RUNNING) {
        u->result = result;
    }
}

static uint32_t in_flight(const struct dfu_upload *u)
{
    uint32_t count = u->plan.is_asking; /* a question takes a buffer of the device, too */

    for (size_t i = 0; i < CHUNKS; i++) {
        count += u->chunks[i].state == FLYING || u->chunks[i].state == VOID;
    }
    return count;
}

static uint32_t rto_most_ms(const struct dfu_upload *u)
{
    return max_u32(RTO_MAX_MS, 2 * u->config.answer_ms);
}

/* How long to wait for the answer to one chunk. */
static uint64_t patience(const struct dfu_upload *u)
{
    uint64_t wait_ms = u->is_first ? max_u32(FIRST_REPEAT_MS, u->config.answer_ms) : u->rto_ms;
    uint64_t most_ms = u->is_first ? u->config.first_ms : rto_most_ms(u);

    wait_ms <<= u->backoff;
    return wait_ms < most_ms ? wait_ms : most_ms;
}

static uint64_t silence_end(const struct dfu_upload *u)
{
    uint32_t wait_ms = u->is_first ? u->config.first_ms : u->config.silence_ms;

    return u->advanced_ms + max_u32(wait_ms, u->has_silence ? 0 : SILENCE_TRIES * u->rto_ms);
}

/* Send again from what the device has. One loss alone may be chance: the window stays. */
static void rewind_to_acked(struct dfu_upload *u)
{
    u->next = u->acked;
    u->is_cautious = true;
    if (u->since_loss < LOSS_APART) {
        u->window = max_u32(u->window / 2, 1);
    }
    u->since_loss = 0;
    u->credit = 0;
}

static void stall(struct dfu_upload *u)
{
    u->stalls++;
    if (u->stalls > STALLS_MAX / 2) {
        plan_stop(&u->plan); /* perhaps it is the pages that are in the way */
    }
    if (u->stalls > STALLS_MAX) {
        finish(u, DFU_ERR_STATE);
    }
    rewind_to_acked(u);
}

static void set_all_flying(struct dfu_upload *u, uint8_t state)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        if (u->chunks[i].state == FLYING || u->chunks[i].state == VOID) {
            u->chunks[i].state = state;
        }
    }
}

/* The device lost its place: the first chunk asks it what it still has. */
static void restart(struct dfu_upload *u, uint64_t now_ms)
{
    u->restarts++;
    if (u->restarts > RESTARTS_MAX) {
        finish(u, DFU_ERR_STATE);
    }
    for (size_t i = 0; i < CHUNKS; i++) {
        u->chunks[i].state = FREE; /* what was true before says nothing now */
    }
    plan_forget(&u->plan);
    u->is_first = true;
    u->acked = 0;
    u->high = 0;
    u->sent_to = 0;
    u->stalls = 0;
    u->advanced_ms = now_ms;
    rewind_to_acked(u);
}

static void expire(struct dfu_upload *u, uint64_t now_ms)
{
    bool is_lost = false;

    for (size_t i = 0; i < CHUNKS; i++) {
        struct dfu_upload_chunk *c = &u->chunks[i];

        if ((c->state == FLYING || c->state == VOID) && now_ms >= c->sent_ms + patience(u)) {
            is_lost = is_lost || c->state == FLYING;
            c->state = LOST;
        }
        if (c->state == LOST && u->sent - c->order > LOST_KEPT) {
            c->state = FREE; /* its sequence number comes up again */
        }
    }
    if (is_lost) {
        set_all_flying(u, LOST);
        rewind_to_acked(u);
        u->backoff = u->backoff < BACKOFF_MAX ? (uint8_t)(u->backoff + 1) : u->backoff;
    }
}

/* A free place, or the oldest of those given up; the table holds twice the window. */
static struct dfu_upload_chunk *place_for_chunk(struct dfu_upload *u)
{
    struct dfu_upload_chunk *oldest = NULL;

    for (size_t i = 0; i < CHUNKS; i++) {
        struct dfu_upload_chunk *c = &u->chunks[i];

        if (c->state == FREE) {
            return c;
        }
        if (c->state == LOST && (!oldest || c->order < oldest->order)) {
            oldest = c;
        }
    }
    return oldest;
}

static struct dfu_call call_of(uint8_t deed, uint8_t seq)
{
    return (struct dfu_call){ .seq = seq,
                              .op = DFU_SMP_WRITE,
                              .group = deed ? PAGES_GROUP : DFU_SMP_GROUP_IMG,
                              .id = deed ? PAGES_TAKE : DFU_SMP_IMG_UPLOAD };
}

/* Bytes that are on the device, each once, however often the request is repeated. */
static void count_taken(struct dfu_upload *u, const struct dfu_upload_chunk *c)
{
    uint32_t from = max_u32(c->off, u->told_to), end = c->off + c->len;

    if (end > from) {
        u->kept += c->deed == DFU_UPLOAD_KEEP ? end - from : 0;
        u->copied += c->deed == DFU_UPLOAD_COPY ? end - from : 0;
        u->told_to = end;
    }
}

static size_t send_chunk(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_upload_chunk *chunk = place_for_chunk(u);
    uint32_t off = u->is_first ? 0 : u->next, len = u->config.image.size - off;
    uint8_t deed = u->is_first ? DFU_UPLOAD_SEND : plan_deed(u, off, &len);
    struct dfu_call call = call_of(deed, u->seq);
    int frame_len;

    call.version = u->config.version;
    frame_len = deed ? plan_take(&call, deed, off, len, frame, cap)
                     : upload_chunk_encode(u, &call, off, frame, cap, &len);
    if (frame_len < 0) {
        finish(u, frame_len);
        return 0;
    }
    u->sent++;
    u->is_partial = u->is_partial || deed;
    u->data_bytes += deed ? 0 : len;
    u->repeated += off < u->sent_to;
    *chunk = (struct dfu_upload_chunk){ .state = FLYING,
                                        .seq = u->seq,
                                        .deed = deed,
                                        .order = u->sent,
                                        .off = off,
                                        .len = len,
                                        .sent_ms = now_ms };
    u->seq++;
    u->next = off + len;
    u->sent_to = max_u32(u->sent_to, u->next);
    u->window_peak = max_u32(u->window_peak, in_flight(u));
    return (size_t)frame_len;
}

/* RFC 6298 in integers. Sequence numbers are never reused for repeats, so every sample counts. */
static void measure(struct dfu_upload *u, uint64_t rtt_ms)
{
    uint32_t most_ms = rto_most_ms(u), least_ms = RTO_MIN_MS + u->config.latency_ms;
    int32_t rtt = (int32_t)(rtt_ms < most_ms ? rtt_ms : most_ms);
    int32_t srtt = (int32_t)u->srtt_8, var = (int32_t)u->rttvar_4, delta;

    if (!u->has_rtt) {
        srtt = rtt * 8;
        var = rtt * 2;
        u->has_rtt = true;
    } else {
        delta = rtt - srtt / 8;
        srtt += delta;
        var += (delta < 0 ? -delta : delta) - var / 4;
    }
    u->srtt_8 = (uint32_t)srtt;
    u->rttvar_4 = (uint32_t)var;
    u->rto_ms = max_u32(min_u32(u->srtt_8 / 8 + u->rttvar_4, most_ms), least_ms);
}

static void grow(struct dfu_upload *u)
{
    u->credit++;
    if (u->window < u->config.window_max && (!u->is_cautious || u->credit >= u->window)) {
        u->window++;
        u->credit = 0;
    }
}

static void advance(struct dfu_upload *u, uint64_t now_ms, uint32_t off)
{
    u->since_loss++;
    u->acked = off;
    u->next = max_u32(u->next, off);
    u->advanced_ms = now_ms;
    if (off > u->high) {
        u->high = off;
        u->stalls = 0;
    }
    if (off > u->best) {
        u->best = off;
        u->restarts = 0;
    }
}

/* The answer to the first chunk: where to go on. */
static void begin_stream(struct dfu_upload *u, uint64_t now_ms, uint32_t chunk_len, uint32_t off)
{
    if (off == 0) {
        stall(u);
        return;
    }
    set_all_flying(u, FREE);
    u->is_first = false;
    u->next = off;
    u->sent_to = off;
    u->resumed_at = off > chunk_len ? off : u->resumed_at;
    advance(u, now_ms, off);
}

/* A chunk beyond what the device expects was dropped there: whatever was sent before it is lost,
 * whatever was sent after it will be dropped, too. */
static void gap(struct dfu_upload *u, uint32_t order)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        if (u->chunks[i].state == FLYING) {
            u->chunks[i].state = u->chunks[i].order < order ? LOST : VOID;
        }
    }
    stall(u);
}

/* Servers answer in order: what was sent before the request that was answered now is in no buffer
 * any more; its answer was lost, or is late. */
static void settle(struct dfu_upload *u, uint32_t order)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        struct dfu_upload_chunk *c = &u->chunks[i];

        if (c->order < order &&
            (c->state == VOID || (c->state == FLYING && c->off + c->len <= u->acked))) {
            c->state = LOST;
        }
    }
}

static void take_offset(struct dfu_upload *u, uint64_t now_ms, const struct dfu_upload_chunk *c,
                        uint32_t off)
{
    bool is_news = c->state == FLYING && c->order > u->heard_order;

    if (u->is_first) {
        begin_stream(u, now_ms, c->len, off);
        return;
    }
    u->heard_order = max_u32(u->heard_order, c->order);
    if (off > u->acked) {
        advance(u, now_ms, off);
        if (c->state == FLYING) {
            grow(u);
        }
        if (is_news && off < c->off + c->len) {
            gap(u, c->order); /* written in part: what follows does not fit */
        }
    } else if (is_news && off == 0) {
        restart(u, now_ms);
    } else if (is_news && off < u->acked) {
        u->acked = off;
        gap(u, c->order);
    } else if (is_news && off < c->off + c->len) {
        gap(u, c->order); /* it lies before, or begins before what the device has: dropped */
    }
    settle(u, u->heard_order);
}

static void take_refusal(struct dfu_upload *u, uint64_t now_ms,
                         const struct dfu_upload_chunk *chunk, const struct dfu_refusal *refusal)
{
    uint64_t hold_ms = (uint64_t)HOLD_MS << u->backoff;

    if (chunk->deed) {
        /* Without pages then; whether the upload still stands, the next chunk will hear. */
        plan_stop(&u->plan);
        set_all_flying(u, VOID);
        rewind_to_acked(u);
        return;
    }
    u->refusal = *refusal;
    if (refusal->from_group || (refusal->rc != DFU_SMP_EBUSY && refusal->rc != DFU_SMP_ENOMEM)) {
        finish(u, DFU_ERR_PERM);
        return;
    }
    set_all_flying(u, VOID);
    rewind_to_acked(u);
    u->window = 1;
    u->hold_until_ms = now_ms + (hold_ms < HOLD_MAX_MS ? hold_ms : HOLD_MAX_MS);
    u->backoff = u->backoff < BACKOFF_MAX ? (uint8_t)(u->backoff + 1) : u->backoff;
}

static struct dfu_upload_chunk *chunk_of(struct dfu_upload *u, const uint8_t *frame, size_t len,
                                         struct dfu_answer *answer, int *err)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        struct dfu_call call = call_of(u->chunks[i].deed, u->chunks[i].seq);

        if (u->chunks[i].state == FREE) {
            continue;
        }
        *err = dfu_client_answer(&call, frame, len, answer);
        if (*err != DFU_ERR_NOENT) {
            return &u->chunks[i];
        }
    }
    return NULL;
}

int dfu_upload_start(struct dfu_upload *u, const struct dfu_upload_config *config)
{
    *u = (struct dfu_upload){ .config = *config, .result = DFU_CLIENT_RUNNING, .is_first = true };
    if (config->image.size == 0 || config->frame_max < DFU_UPLOAD_FRAME_MIN) {
        u->result = DFU_ERR_INVAL;
        return DFU_ERR_INVAL;
    }
    u->config.frame_max = min_u32(config->frame_max, FRAME_MAX);
    u->config.window_max = max_u32(min_u32(config->window_max, DFU_UPLOAD_WINDOW_MAX), 1);
    u->config.answer_ms = config->answer_ms ? config->answer_ms : ANSWER_MS;
    u->config.answer_ms += config->latency_ms;
    u->config.first_ms = config->first_ms ? config->first_ms : FIRST_MS;
    u->has_silence = config->silence_ms != 0;
    u->config.silence_ms = config->silence_ms ? config->silence_ms : SILENCE_MS;
    u->seq = config->seq;
    u->rto_ms = u->config.answer_ms;
    u->window = min_u32(2, u->config.window_max);
    u->acked_at_loss = UINT32_MAX;
    u->plan.is_off = config->sha256 == NULL;
    return 0;
}

size_t dfu_upload_next(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    size_t len;

    if (u->result != DFU_CLIENT_RUNNING) {
        return 0;
    }
    if (!u->is_started) {
        u->is_started = true;
        u->advanced_ms = now_ms;
    }
    if (now_ms >= silence_end(u)) {
        /* A device that kept saying "busy" did answer. */
        finish(u, u->refusal.rc ? DFU_ERR_PERM : DFU_ERR_TIMEOUT);
        return 0;
    }
    expire(u, now_ms);
    if (now_ms >= u->hold_until_ms) {
        u->hold_until_ms = 0;
    }
    if (u->plan.is_asking) {
        len = plan_ask(u, now_ms, frame, cap);
        if (len > 0) {
            return len;
        }
    }
    if (u->hold_until_ms > 0 || in_flight(u) >= (u->is_first ? 1 : u->window) ||
        (!u->is_first && u->next >= u->config.image.size)) {
        return 0;
    }
    if (!u->is_first && !u->plan.is_asking) {
        len = plan_ask(u, now_ms, frame, cap);
        if (len > 0) {
            return len;
        }
    }
    if (!u->is_first && plan_is_due(u)) {
        return 0;
    }
    return send_chunk(u, now_ms, frame, cap);
}

/* The device has it all, and may have found that it is not the file. */
static void take_end(struct dfu_upload *u, uint64_t now_ms, bool has_match, bool match)
{
    if (has_match && !match && u->is_partial) {
        plan_stop(&u->plan); /* then every byte is sent */
        u->is_partial = false;
        u->kept = 0;
        u->copied = 0;
        u->resumed_at = 0;
        restart(u, now_ms);
        return;
    }
    u->has_match = has_match && match;
    finish(u, has_match && !match ? DFU_ERR_VERIFY : 0);
}

/* The answer to a question for hashes; false if it is none. */
static bool take_hashes(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    if (!plan_answer(u, now_ms, frame, len)) {
        return false;
    }
    u->advanced_ms = now_ms; /* each question leads to a chunk */
    return true;
}

int dfu_upload_answer(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct dfu_answer answer;
    struct dfu_upload_chunk *chunk, was;
    uint32_t off = 0;
    bool has_match = false, match = false;
    int err = 0;

    if (u->result != DFU_CLIENT_RUNNING) {
        return u->result;
    }
    chunk = chunk_of(u, frame, len, &answer, &err);
    if (!chunk) {
        u->ignored += !take_hashes(u, now_ms, frame, len);
        return u->result;
    }
    was = *chunk;
    chunk->state = FREE;
    if (!u->is_first) { /* the first one's time is the erase's */
        measure(u, now_ms - was.sent_ms);
    }
    if (err == DFU_ERR_PERM) {
        take_refusal(u, now_ms, &was, &answer.refusal);
        return u->result;
    }
    if (err || upload_chunk_answer(u, &answer, &off, &has_match, &match)) {
        u->broken++;
        stall(u);
        finish(u, u->broken > BROKEN_MAX ? DFU_ERR_FORMAT : DFU_CLIENT_RUNNING);
        return u->result;
    }
    u->backoff = 0;
    u->refusal = (struct dfu_refusal){ 0 };
    if (off >= was.off + was.len) {
        count_taken(u, &was);
    }
    if (off == u->config.image.size) {
        u->acked = off;
        if (u->is_first && off > was.len) {
            u->resumed_at = off; /* it was all there */
        }
        take_end(u, now_ms, has_match, match);
    } else {
        take_offset(u, now_ms, &was, off);
    }
    return u->result;
}

uint64_t dfu_upload_deadline(const struct dfu_upload *u)
{
    uint64_t due_ms = silence_end(u);

    if (u->result != DFU_CLIENT_RUNNING) {
        return UINT64_MAX;
    }
    if (u->hold_until_ms > 0 && u->hold_until_ms < due_ms) {
        due_ms = u->hold_until_ms;
    }
    if (u->plan.is_asking && u->plan.due_ms < due_ms) {
        due_ms = u->plan.due_ms;
    }
    for (size_t i = 0; i < CHUNKS; i++) {
        const struct dfu_upload_chunk *c = &u->chunks[i];

        if ((c->state == FLYING || c->state == VOID) && c->sent_ms + patience(u) < due_ms) {
            due_ms = c->sent_ms + patience(u);
        }
    }
    return due_ms;
}

void dfu_upload_link_back(struct dfu_upload *u, uint64_t now_ms)
{
    set_all_flying(u, LOST);
    plan_forget(&u->plan);
    u->next = u->acked;
    u->backoff = 0;
    u->hold_until_ms = 0;
    if (u->acked != u->acked_at_loss) { /* a link that only comes and goes does not count */
        u->acked_at_loss = u->acked;
        u->advanced_ms = now_ms;
    }
}
