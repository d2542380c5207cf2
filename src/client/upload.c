/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Go-back-N with a window, as the servers' strict order asks for. What always holds: acked is
 * what the newest request that was answered told us; every transmission has a sequence number of
 * its own, so each answer says when and what it answers; an old answer may only advance. */
#include "dfu/upload.h"

#include "base/bytes.h"
#include "client/flight.h"
#include "client/pages.h"
#include "client/upload_chunk.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define ANSWER_MS       1000u
#define FIRST_MS        60000u
#define SILENCE_MS      20000u
#define SILENCE_TRIES   16u   /* that a long way must allow, where nobody said how long to wait */
#define FIRST_REPEAT_MS 2500u /* first repeat of the first chunk; then doubled */
#define HOLD_MS         250u  /* first pause for a busy device; then doubled */
#define HOLD_MAX_MS     4000u
#define STALLS_MAX      16u /* rewinds without a new byte */
#define RESTARTS_MAX    20u /* starts from the first chunk without getting further than before */
#define BROKEN_MAX      8u  /* answers that make no sense */
#define OVERTAKEN_MAX   3u  /* first chunks repeated because a later question was answered */
#define FRAME_MAX       (DFU_SMP_HEADER_SIZE + UINT16_MAX)

static void finish(struct dfu_upload *u, int result)
{
    if (u->result == DFU_CLIENT_RUNNING) {
        u->result = result;
    }
}

/* A question takes a buffer of the device, too. One that only probes, and may be lost, never keeps
 * the last chunk back. */
static uint32_t in_flight(const struct dfu_upload *u)
{
    bool probes = u->is_probing && u->flight.window > 1;

    return u->plan.is_asking + probes + flight_count(&u->flight);
}

static void forget_questions(struct dfu_upload *u)
{
    plan_forget(&u->plan);
    u->is_probing = false;
}

/* Whether no chunk may be sent until something is answered. */
static bool is_full(const struct dfu_upload *u)
{
    return u->is_first ? flight_count(&u->flight) > 0 : in_flight(u) >= u->flight.window;
}

/* How long to wait for the answer to one chunk. */
static uint64_t patience(const struct dfu_upload *u)
{
    uint64_t wait_ms = max_u32(FIRST_REPEAT_MS, u->config.answer_ms);

    if (!u->is_first) { /* on a line, an answer may wait for that to a question, which is long */
        bool waits = u->plan.is_asking && !u->config.sends_meanwhile;

        return flight_patience(&u->flight) + (waits ? plan_patience(u) : 0);
    }
    wait_ms <<= u->flight.backoff;
    return wait_ms < u->config.first_ms ? wait_ms : u->config.first_ms;
}

static uint64_t silence_end(const struct dfu_upload *u)
{
    uint32_t wait_ms = u->is_first ? u->config.first_ms : u->config.silence_ms;

    return u->advanced_ms + max_u32(wait_ms, u->has_silence ? 0 : SILENCE_TRIES * u->flight.rto_ms);
}

/* Send again from what the device has. */
static void rewind_to_acked(struct dfu_upload *u)
{
    u->next = u->acked;
    flight_slow_down(&u->flight);
}

static void count_stall(struct dfu_upload *u)
{
    u->stalls++;
    if (u->stalls > STALLS_MAX / 2) {
        plan_stop(&u->plan); /* perhaps it is the pages that are in the way */
    }
    if (u->stalls > STALLS_MAX) {
        finish(u, DFU_ERR_STATE);
    }
}

static void stall(struct dfu_upload *u)
{
    count_stall(u);
    rewind_to_acked(u);
}

/* The device lost its place: the first chunk asks it what it still has. */
static void restart(struct dfu_upload *u, uint64_t now_ms)
{
    u->restarts++;
    if (u->restarts > RESTARTS_MAX) {
        finish(u, DFU_ERR_STATE);
    }
    flight_forget(&u->flight); /* what was true before says nothing now */
    forget_questions(u);
    u->is_first = true;
    u->acked = 0;
    u->high = 0;
    u->sent_to = 0;
    u->stalls = 0;
    u->advanced_ms = now_ms;
    rewind_to_acked(u);
}

/* The names of a chunk's request and answer, by its deed. */
static const struct dfu_call calls[] = {
    [DFU_UPLOAD_SEND] = { .op = DFU_SMP_WRITE,
                          .group = DFU_SMP_GROUP_IMG,
                          .id = DFU_SMP_IMG_UPLOAD },
    [DFU_UPLOAD_KEEP] = { .op = DFU_SMP_WRITE, .group = PAGES_GROUP, .id = PAGES_TAKE },
    [DFU_UPLOAD_COPY] = { .op = DFU_SMP_WRITE, .group = PAGES_GROUP, .id = PAGES_TAKE },
};

/* Bytes that are on the device, each once, however often the request is repeated. */
static void count_taken(struct dfu_upload *u, const struct dfu_flight_part *c)
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
    uint32_t off = u->is_first ? 0 : u->next, len = u->config.image.size - off;
    uint8_t deed = u->is_first ? DFU_UPLOAD_SEND : plan_deed(u, off, &len);
    struct dfu_call call = calls[deed];
    struct dfu_flight_part *part;
    int frame_len;

    call.version = u->config.version;
    call.seq = u->seq;
    frame_len = deed ? plan_take(&call, deed, off, len, frame, cap)
                     : upload_chunk_encode(u, &call, off, frame, cap, &len);
    if (frame_len < 0) {
        finish(u, frame_len);
        return 0;
    }
    u->is_partial = u->is_partial || deed;
    u->data_bytes += deed ? 0 : len;
    u->repeated += off < u->sent_to;
    part = flight_add(&u->flight, now_ms, (size_t)frame_len, off, len);
    part->seq = u->seq;
    part->deed = deed;
    u->sent = u->flight.sent;
    u->seq++;
    u->next = off + len;
    u->sent_to = max_u32(u->sent_to, u->next);
    u->window_peak = max_u32(u->window_peak, in_flight(u));
    return (size_t)frame_len;
}

static void advance(struct dfu_upload *u, uint64_t now_ms, uint32_t off)
{
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
    flight_set_all(&u->flight, FLIGHT_FREE);
    plan_first_heard(&u->plan, now_ms);
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
    flight_gap(&u->flight, order);
    u->next = u->acked;
    count_stall(u);
}

static void take_offset(struct dfu_upload *u, uint64_t now_ms, const struct dfu_flight_part *c,
                        uint32_t off)
{
    bool is_news = c->state == FLIGHT_FLYING && c->order > u->flight.heard_order;

    if (u->is_first) {
        begin_stream(u, now_ms, c->len, off);
        return;
    }
    u->flight.heard_order = max_u32(u->flight.heard_order, c->order);
    if (off > u->acked) {
        advance(u, now_ms, off);
        if (c->state == FLIGHT_FLYING) {
            flight_grow(&u->flight);
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
    flight_settle(&u->flight, u->flight.heard_order, u->acked);
}

static void take_refusal(struct dfu_upload *u, uint64_t now_ms, const struct dfu_flight_part *chunk,
                         const struct dfu_refusal *refusal)
{
    uint64_t hold_ms = (uint64_t)HOLD_MS << u->flight.backoff;

    if (chunk->deed) {
        /* Without pages then; whether the upload still stands, the next chunk will hear. */
        plan_stop(&u->plan);
        flight_set_all(&u->flight, FLIGHT_VOID);
        rewind_to_acked(u);
        return;
    }
    u->refusal = *refusal;
    if (refusal->from_group || (refusal->rc != DFU_SMP_EBUSY && refusal->rc != DFU_SMP_ENOMEM)) {
        finish(u, DFU_ERR_PERM);
        return;
    }
    flight_set_all(&u->flight, FLIGHT_VOID);
    rewind_to_acked(u);
    u->flight.window = 1;
    u->hold_until_ms = now_ms + (hold_ms < HOLD_MAX_MS ? hold_ms : HOLD_MAX_MS);
    flight_back_off(&u->flight);
}

int dfu_upload_start(struct dfu_upload *u, const struct dfu_upload_config *config)
{
    *u = (struct dfu_upload){ .config = *config, .result = DFU_CLIENT_RUNNING, .is_first = true };
    if (config->image.size == 0 || config->frame_max < DFU_UPLOAD_FRAME_MIN) {
        u->result = DFU_ERR_INVAL;
        return DFU_ERR_INVAL;
    }
    u->config.frame_max = min_u32(config->frame_max, FRAME_MAX);
    u->config.answer_ms = config->answer_ms ? config->answer_ms : ANSWER_MS;
    u->config.answer_ms += config->latency_ms;
    u->config.first_ms = config->first_ms ? config->first_ms : FIRST_MS;
    u->has_silence = config->silence_ms != 0;
    u->config.silence_ms = config->silence_ms ? config->silence_ms : SILENCE_MS;
    u->seq = config->seq;
    flight_start(&u->flight, config->window_max, u->config.answer_ms, config->latency_ms,
                 config->bytes_per_s);
    u->flight.is_by_chance = config->sends_meanwhile;
    u->acked_at_loss = UINT32_MAX;
    u->plan.is_off = config->sha256 == NULL;
    return 0;
}

/* Behind the first chunk, which is answered before it: so its answer costs no time, and tells, if it
 * comes first, that the chunk is lost. */
static bool asks_behind_first(const struct dfu_upload *u)
{
    return u->config.asks_at_once && u->is_first && u->overtaken < OVERTAKEN_MAX &&
           !u->plan.is_asking && !u->is_probing && u->flight.window > 1 &&
           flight_count(&u->flight) == 1;
}

/* For hashes, or, where there is nothing to learn from them, for what every server knows. */
static size_t ask_behind_first(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    size_t len = u->next < u->config.image.size ? plan_ask(u, now_ms, frame, cap) : 0;
    int probe_len;

    if (len > 0) {
        return len;
    }
    u->probe = (struct dfu_call){ .version = u->config.version, .seq = u->seq };
    probe_len = dfu_client_params(&u->probe, frame, cap);
    if (probe_len < 0) {
        return 0;
    }
    u->seq++;
    u->is_probing = true;
    u->probed_after = u->flight.sent;
    return (size_t)probe_len;
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
    if (flight_expire(&u->flight, now_ms, patience(u))) {
        u->next = u->acked;
        u->is_probing = false;
        if (u->is_first) {
            plan_forget(&u->plan);
        }
    }
    if (now_ms >= u->hold_until_ms) {
        u->hold_until_ms = 0;
    }
    if (asks_behind_first(u)) {
        return ask_behind_first(u, now_ms, frame, cap);
    }
    if (u->plan.is_asking && !u->is_first) {
        len = plan_ask(u, now_ms, frame, cap);
        if (len > 0) {
            return len;
        }
    }
    if (u->hold_until_ms > 0 || is_full(u) || (!u->is_first && u->next >= u->config.image.size)) {
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

/* The question behind the first chunk is answered, and that is not: it is lost, or its answer is. */
static void take_overtaken(struct dfu_upload *u, uint32_t asked_after)
{
    forget_questions(u); /* they were about an upload that may have been another */
    if (flight_count(&u->flight) > 0 && asked_after == u->flight.sent) {
        flight_set_all(&u->flight, FLIGHT_LOST);
        u->overtaken++;
    }
}

/* The answer to a question for hashes; false if it is none. */
static bool take_hashes(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    uint32_t asked_after = u->plan.asked_after;

    if (!plan_answer(u, now_ms, frame, len)) {
        return false;
    }
    if (u->is_first) {
        take_overtaken(u, asked_after);
        return true;
    }
    u->advanced_ms = now_ms; /* each question leads to a chunk */
    u->flight.heard_ms = now_ms;
    return true;
}

/* The same for a probe. */
static bool take_probe(struct dfu_upload *u, const uint8_t *frame, size_t len)
{
    struct dfu_answer answer;

    if (!u->is_probing || dfu_client_answer(&u->probe, frame, len, &answer) == DFU_ERR_NOENT) {
        return false;
    }
    u->is_probing = false;
    if (u->is_first) {
        take_overtaken(u, u->probed_after);
    }
    return true;
}

int dfu_upload_answer(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct dfu_answer answer;
    struct dfu_flight_part *chunk, was;
    uint32_t off = 0;
    bool has_match = false, match = false;
    int err = 0;

    if (u->result != DFU_CLIENT_RUNNING) {
        return u->result;
    }
    chunk = flight_find(&u->flight, calls, frame, len, &answer, &err);
    if (!chunk) {
        u->ignored += !take_hashes(u, now_ms, frame, len) && !take_probe(u, frame, len);
        return u->result;
    }
    was = *chunk;
    chunk->state = FLIGHT_FREE;
    if (!u->is_first) { /* the first one's time is the erase's */
        flight_measure(&u->flight, now_ms, was.sent_ms, was.left_ms);
        plan_heard(u, now_ms, was.order);
        u->is_probing = u->is_probing && was.order <= u->probed_after; /* else it is lost */
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
    u->flight.backoff = 0;
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
    uint64_t due_ms = silence_end(u), chunk_due_ms;

    if (u->result != DFU_CLIENT_RUNNING) {
        return UINT64_MAX;
    }
    if (u->hold_until_ms > 0 && u->hold_until_ms < due_ms) {
        due_ms = u->hold_until_ms;
    }
    if (u->plan.is_asking && !u->is_first && u->plan.due_ms < due_ms) {
        due_ms = u->plan.due_ms;
    }
    chunk_due_ms = flight_due_ms(&u->flight, patience(u));
    return chunk_due_ms < due_ms ? chunk_due_ms : due_ms;
}

void dfu_upload_link_back(struct dfu_upload *u, uint64_t now_ms)
{
    flight_set_all(&u->flight, FLIGHT_LOST);
    forget_questions(u);
    u->next = u->acked;
    u->flight.backoff = 0;
    u->flight.line_free_ms = 0;
    u->hold_until_ms = 0;
    if (u->acked != u->acked_at_loss) { /* a link that only comes and goes does not count */
        u->acked_at_loss = u->acked;
        u->advanced_ms = now_ms;
    }
}
