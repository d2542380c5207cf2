/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A part covers as many pages as one answer tells of; while it is sent, the device is asked for the
 * next one. Where a part has no page that is on the device, as many parts are sent unasked, and twice
 * as many the next time. The answers are hints: a wrong one costs time, because the device checks
 * the digest of the whole. */
#include "client/pages.h"

#include <string.h>

#include "base/bytes.h"
#include "client/flight.h"
#include "client/request.h"
#include "dfu/err.h"

#define HASH       8u /* bytes of a page's SHA-256 that are told */
#define TRIES      3u /* of a question that no answer was ever had to */
#define TRIES_MAX  6u
#define WAIT_MS    2000u /* the device hashes */
#define WAIT_LEAST 300u
#define WAIT_TIMES 4u /* as long as the answer before */
#define TELLING    8u /* so many pages say something about the next ones */
#define PIECE      512u
#define NO_UPLOAD  2u /* the group's code */
#define LOST_BYTES 4096u

void plan_forget(struct dfu_upload_plan *plan)
{
    *plan = (struct dfu_upload_plan){ .is_off = plan->is_off,
                                      .no_running = plan->no_running,
                                      .unasked = plan->unasked,
                                      .wait_ms = plan->wait_ms };
}

void plan_stop(struct dfu_upload_plan *plan)
{
    plan->is_off = true;
    plan->is_asking = false;
    plan->asks_running = false;
}

/* Nothing is known of the part up to end. */
static void send_up_to(struct dfu_upload_part *part, uint32_t end)
{
    part->from = end;
    part->end = end;
    part->count = 0;
}

static bool holds(const struct dfu_upload_part *part, uint32_t off)
{
    return off >= part->asked && off < part->end;
}

/* The part that the question is about. */
static struct dfu_upload_part *asked_part(struct dfu_upload_plan *plan)
{
    return plan->is_ahead ? &plan->ahead : &plan->now;
}

/* ---- Asking ---- */

bool plan_is_due(const struct dfu_upload *u)
{
    const struct dfu_upload_plan *plan = &u->plan;

    return !plan->is_off && !u->config.sends_meanwhile &&
           (!holds(&plan->now, u->next) || (plan->asks_running && !plan->is_ahead));
}

static int encode_question(struct dfu_upload *u, uint8_t *frame, size_t cap)
{
    const struct dfu_upload_part *part = asked_part(&u->plan);
    struct dfu_call call = { .version = u->config.version,
                             .seq = u->plan.seq,
                             .op = DFU_SMP_READ,
                             .group = PAGES_GROUP,
                             .id = PAGES_HASHES };
    struct dfu_cbor_encoder enc;

    request_begin(&enc, frame, cap);
    dfu_cbor_pair_uint(&enc, "off", u->plan.asks_running ? part->from : part->asked);
    if (u->plan.asks_running) {
        dfu_cbor_pair_bool(&enc, "running", true);
    }
    return request_end(&enc, &call, frame);
}

uint32_t plan_patience(const struct dfu_upload *u)
{
    uint32_t most_ms = max_u32(WAIT_MS, u->config.answer_ms);

    return u->plan.wait_ms ? min_u32(max_u32(u->plan.wait_ms, WAIT_LEAST), most_ms) : most_ms;
}

/* When the answer to a question can be begun to be waited for: behind those to the chunks. */
static uint64_t waits_from(const struct dfu_upload *u, uint64_t now_ms)
{
    uint64_t due_ms = flight_due_ms(&u->flight, flight_patience(&u->flight));

    return due_ms != UINT64_MAX && due_ms > now_ms ? due_ms : now_ms;
}

/* The device is asked for something that it may have said already, and nothing goes on meanwhile:
 * not for half as long as it may be silent. */
static bool is_hopeless(const struct dfu_upload *u, uint64_t now_ms)
{
    const struct dfu_upload_plan *plan = &u->plan;

    return plan->tries >= (plan->wait_ms ? TRIES_MAX : TRIES) ||
           (plan->is_asking && now_ms - plan->asked_ms >= u->config.silence_ms / 2);
}

/* Which part to ask for; false if none. */
static bool choose_part(struct dfu_upload *u)
{
    struct dfu_upload_plan *plan = &u->plan;
    struct dfu_upload_part *part;

    if (plan->has_ahead && !holds(&plan->now, u->next) && holds(&plan->ahead, u->next)) {
        plan->now = plan->ahead;
        plan->has_ahead = false;
    }
    plan->is_ahead = holds(&plan->now, u->next);
    if (plan->is_ahead && (plan->has_ahead || plan->now.end >= u->config.image.size)) {
        return false;
    }
    part = asked_part(plan);
    part->asked = plan->is_ahead ? plan->now.end : u->next;
    send_up_to(part, part->asked);
    plan->has_ahead = false;
    return true;
}

size_t plan_ask(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_upload_plan *plan = &u->plan;
    int len;

    if (plan->is_off || (plan->is_asking && now_ms < plan->due_ms)) {
        return 0;
    }
    if (!plan->is_asking && !plan->asks_running && !choose_part(u)) {
        return 0;
    }
    if (!plan->is_asking) {
        plan->seq = u->seq++; /* repeats keep it: the answer to any of them will do */
    }
    len = is_hopeless(u, now_ms) ? DFU_ERR_TIMEOUT : encode_question(u, frame, cap);
    if (len < 0) {
        plan_stop(plan); /* perhaps a server that drops what it does not know */
        return 0;
    }
    plan->asked_ms = plan->is_asking ? plan->asked_ms : now_ms;
    plan->asked_after = u->flight.sent;
    plan->is_asking = true;
    plan->due_ms = waits_from(u, now_ms) + ((uint64_t)plan_patience(u) << plan->tries);
    plan->tries++;
    return (size_t)len;
}

void plan_heard(struct dfu_upload *u, uint64_t now_ms, uint32_t order)
{
    struct dfu_upload_plan *plan = &u->plan;
    uint64_t due_ms = waits_from(u, now_ms) + plan_patience(u);

    if (plan->is_asking && order <= plan->asked_after && due_ms > plan->due_ms) {
        plan->due_ms = due_ms;
    }
}

void plan_first_heard(struct dfu_upload_plan *plan, uint64_t now_ms)
{
    uint64_t asked_ms = plan->asked_ms + WAIT_MS < now_ms ? now_ms - WAIT_MS : plan->asked_ms;

    if (plan->is_asking) { /* what the erase took is not the question's */
        plan->asked_ms = asked_ms;
        plan->due_ms = now_ms + WAIT_MS;
    }
}

/* ---- Answers ---- */

struct hashes {
    uint32_t off, len, size, copy, count;
    struct dfu_cbor_span bytes;
};

static bool read_hashes(const struct dfu_upload *u, const struct dfu_answer *answer,
                        struct hashes *out)
{
    struct dfu_cbor_key keys[] = {
        { "off", DFU_CBOR_UINT, &out->off, false },
        { "len", DFU_CBOR_UINT, &out->len, false },
        { "size", DFU_CBOR_UINT, &out->size, false },
        { "copy", DFU_CBOR_UINT, &out->copy, false },
        { "hashes", DFU_CBOR_BYTES, &out->bytes, false },
    };

    *out = (struct hashes){ 0 };
    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 5) ||
        !keys[0].found || !keys[1].found || !keys[4].found ||
        !span_fits(out->off, out->len, u->config.image.size) || (out->len > 0 && out->size == 0)) {
        return false;
    }
    out->count = out->len > 0 ? (out->len - 1) / out->size + 1 : 0;
    return out->count <= DFU_UPLOAD_PAGES_MAX && out->bytes.len == (size_t)out->count * HASH;
}

static bool is_same(const struct dfu_upload *u, uint32_t off, uint32_t len, const uint8_t *told)
{
    struct dfu_hash hash = { .alg = u->config.sha256 };
    uint8_t digest[DFU_HASH_MAX], piece[PIECE];
    int err = hash.alg->start(&hash);

    if (err) {
        return false;
    }
    while (!err && len > 0) {
        uint32_t n = min_u32(len, sizeof(piece));

        err = u->config.image.read(u->config.image.ctx, off, piece, n);
        err = err ? err : hash.alg->update(&hash, piece, n);
        off += n;
        len -= n;
    }
    return !hash.alg->finish(&hash, digest) && !err && memcmp(digest, told, HASH) == 0;
}

/* Pages that are still to be sent get the deed where the hash is right; false if any is left. */
static bool match_pages(struct dfu_upload *u, const struct hashes *told, uint8_t deed)
{
    struct dfu_upload_part *part = asked_part(&u->plan);
    bool is_done = true;

    for (uint32_t i = 0; i < part->count && i < told->count; i++) {
        uint32_t off = part->from + i * part->size;

        if (part->deeds[i] == DFU_UPLOAD_SEND &&
            is_same(u, off, min_u32(part->size, part->end - off),
                    told->bytes.data + (size_t)i * HASH)) {
            part->deeds[i] = deed;
        }
        is_done = is_done && part->deeds[i] != DFU_UPLOAD_SEND;
    }
    return is_done;
}

static void take_own(struct dfu_upload *u, const struct hashes *told)
{
    struct dfu_upload_plan *plan = &u->plan;
    struct dfu_upload_part *part = asked_part(plan);

    if (told->off < part->asked || told->len == 0) {
        send_up_to(part, u->config.image.size); /* no more pages */
        return;
    }
    part->from = told->off;
    part->end = told->off + told->len;
    part->size = min_u32(told->size, told->len);
    part->copy = told->copy;
    part->count = told->count;
    memset(part->deeds, DFU_UPLOAD_SEND, sizeof(part->deeds));
    plan->asks_running = !match_pages(u, told, DFU_UPLOAD_KEEP) && !plan->no_running;
}

static void take_running(struct dfu_upload *u, const struct hashes *told)
{
    const struct dfu_upload_part *part = asked_part(&u->plan);

    u->plan.asks_running = false;
    /* The same pages, or fewer where that slot ends. */
    if (told->off == part->from && min_u32(told->size, part->end - part->from) == part->size &&
        (told->len == part->end - part->from ||
         (told->count < part->count && told->len == told->count * told->size))) {
        (void)match_pages(u, told, DFU_UPLOAD_COPY);
    }
}

static void take_no(struct dfu_upload *u, const struct dfu_refusal *refusal)
{
    struct dfu_upload_plan *plan = &u->plan;
    struct dfu_upload_part *part = asked_part(plan);

    if (plan->asks_running) {
        plan->asks_running = false;
        plan->no_running = true;
    } else if (refusal->from_group && refusal->group == PAGES_GROUP && refusal->rc == NO_UPLOAD) {
        /* It restarted; the next chunk will be told so. */
        send_up_to(part, part->asked + min_u32(LOST_BYTES, u->config.image.size - part->asked));
    } else {
        plan_stop(plan);
    }
}

/* All about the part is known: sent unasked is what follows one without a page that is there. */
static void look_ahead(const struct dfu_upload *u, struct dfu_upload_plan *plan)
{
    struct dfu_upload_part *part = asked_part(plan);
    uint64_t end;

    for (uint32_t i = 0; i < part->count; i++) {
        if (part->deeds[i] != DFU_UPLOAD_SEND) {
            plan->unasked = 0;
            return;
        }
    }
    if (part->count < TELLING) {
        return;
    }
    plan->unasked = plan->unasked ? 2 * plan->unasked : 1;
    end = part->end + (uint64_t)plan->unasked * (part->end - part->asked);
    send_up_to(part, end < u->config.image.size ? (uint32_t)end : u->config.image.size);
}

bool plan_answer(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct dfu_upload_plan *plan = &u->plan;
    struct dfu_call call = {
        .seq = plan->seq, .op = DFU_SMP_READ, .group = PAGES_GROUP, .id = PAGES_HASHES
    };
    struct dfu_answer answer;
    struct hashes told;
    int err = plan->is_asking ? dfu_client_answer(&call, frame, len, &answer) : DFU_ERR_NOENT;

    if (err == DFU_ERR_NOENT) {
        return false;
    }
    plan->is_asking = false;
    if (plan->tries == 1 || plan->wait_ms == 0) { /* else it may answer any of the tries */
        plan->wait_ms = WAIT_TIMES * min_u32((uint32_t)(now_ms - plan->asked_ms), WAIT_MS) + 1;
    }
    plan->tries = 0;
    if (err == DFU_ERR_PERM) {
        take_no(u, &answer.refusal);
    } else if (err || !read_hashes(u, &answer, &told)) {
        plan_stop(plan);
    } else if (plan->asks_running) {
        take_running(u, &told);
    } else {
        take_own(u, &told);
    }
    if (!plan->asks_running && !plan->is_off) {
        look_ahead(u, plan);
    }
    plan->has_ahead = plan->is_ahead && !plan->asks_running && !plan->is_off;
    return true;
}

/* ---- Doing ---- */

uint8_t plan_deed(const struct dfu_upload *u, uint32_t off, uint32_t *len)
{
    const struct dfu_upload_part *part = &u->plan.now;
    uint32_t first, i, end;
    uint8_t deed = DFU_UPLOAD_SEND;

    if (u->plan.is_off || !holds(part, off)) {
        return DFU_UPLOAD_SEND;
    }
    first = off < part->from ? 0 : (off - part->from) / part->size;
    if (off >= part->from && (off - part->from) % part->size == 0) {
        deed = part->deeds[first]; /* of a page that has begun, the rest is sent */
    }
    i = off < part->from ? 0 : first + 1;
    while (i < part->count && part->deeds[i] == deed &&
           (deed != DFU_UPLOAD_COPY || (i + 1 - first) * part->size <= part->copy)) {
        i++;
    }
    end = min_u32(part->from + i * part->size, part->end);
    *len = min_u32(*len, end - off);
    return deed;
}

int plan_take(struct dfu_call *call, uint8_t deed, uint32_t off, uint32_t len, uint8_t *frame,
              size_t cap)
{
    struct dfu_cbor_encoder enc;

    request_begin(&enc, frame, cap);
    dfu_cbor_pair_uint(&enc, "off", off);
    dfu_cbor_pair_uint(&enc, "len", len);
    if (deed == DFU_UPLOAD_COPY) {
        dfu_cbor_pair_bool(&enc, "running", true);
    }
    return request_end(&enc, call, frame);
}
