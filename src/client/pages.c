/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A plan covers as many pages as one answer tells of; where it ends, the device is asked again. Its
 * answers are hints: a wrong one costs time, because the device checks the digest of the whole. */
#include "client/pages.h"

#include <string.h>

#include "base/bytes.h"
#include "client/request.h"
#include "dfu/err.h"

#define HASH       8u /* bytes of a page's SHA-256 that are told */
#define TRIES      3u
#define WAIT_MS    2000u /* the device hashes */
#define PIECE      512u
#define NO_UPLOAD  2u /* the group's code */
#define LOST_BYTES 4096u

void plan_forget(struct dfu_upload_plan *plan)
{
    *plan = (struct dfu_upload_plan){ .is_off = plan->is_off, .no_running = plan->no_running };
}

/* Nothing is known of the part up to end. */
static void send_up_to(struct dfu_upload_plan *plan, uint32_t end)
{
    plan->from = end;
    plan->end = end;
    plan->count = 0;
}

/* ---- Asking ---- */

bool plan_is_due(const struct dfu_upload *u, uint32_t off)
{
    const struct dfu_upload_plan *plan = &u->plan;

    return !plan->is_off && (plan->asks_running || off < plan->asked || off >= plan->end);
}

static int encode_question(struct dfu_upload *u, uint8_t *frame, size_t cap)
{
    struct dfu_call call = { .version = u->config.version,
                             .seq = u->seq,
                             .op = DFU_SMP_READ,
                             .group = PAGES_GROUP,
                             .id = PAGES_HASHES };
    struct dfu_cbor_encoder enc;

    request_begin(&enc, frame, cap);
    dfu_cbor_pair_uint(&enc, "off", u->plan.asks_running ? u->plan.from : u->plan.asked);
    if (u->plan.asks_running) {
        dfu_cbor_pair_bool(&enc, "running", true);
    }
    return request_end(&enc, &call, frame);
}

size_t plan_ask(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_upload_plan *plan = &u->plan;
    int len;

    if (plan->is_asking && now_ms < plan->due_ms) {
        return 0;
    }
    if (plan->tries == TRIES) {
        plan->is_off = true; /* a server that drops what it does not know */
        plan->is_asking = false;
        return 0;
    }
    if (!plan->is_asking && !plan->asks_running) {
        plan->asked = u->next;
        send_up_to(plan, plan->asked);
    }
    len = encode_question(u, frame, cap);
    if (len < 0) {
        plan->is_off = true;
        plan->is_asking = false;
        return 0;
    }
    plan->is_asking = true;
    plan->seq = u->seq++;
    plan->due_ms = now_ms + ((uint64_t)max_u32(WAIT_MS, u->config.answer_ms) << plan->tries);
    plan->tries++;
    return (size_t)len;
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
    struct dfu_upload_plan *plan = &u->plan;
    bool is_done = true;

    for (uint32_t i = 0; i < plan->count && i < told->count; i++) {
        uint32_t off = plan->from + i * plan->size;

        if (plan->deeds[i] == DFU_UPLOAD_SEND &&
            is_same(u, off, min_u32(plan->size, plan->end - off),
                    told->bytes.data + (size_t)i * HASH)) {
            plan->deeds[i] = deed;
        }
        is_done = is_done && plan->deeds[i] != DFU_UPLOAD_SEND;
    }
    return is_done;
}

static void take_own(struct dfu_upload *u, const struct hashes *told)
{
    struct dfu_upload_plan *plan = &u->plan;

    if (told->off < plan->asked || told->len == 0) {
        send_up_to(plan, u->config.image.size); /* no more pages */
        return;
    }
    plan->from = told->off;
    plan->end = told->off + told->len;
    plan->size = min_u32(told->size, told->len);
    plan->copy = told->copy;
    plan->count = told->count;
    memset(plan->deeds, DFU_UPLOAD_SEND, sizeof(plan->deeds));
    plan->asks_running = !match_pages(u, told, DFU_UPLOAD_KEEP) && !plan->no_running;
}

static void take_running(struct dfu_upload *u, const struct hashes *told)
{
    struct dfu_upload_plan *plan = &u->plan;

    plan->asks_running = false;
    /* The same pages, or fewer where that slot ends. */
    if (told->off == plan->from && min_u32(told->size, plan->end - plan->from) == plan->size &&
        (told->len == plan->end - plan->from ||
         (told->count < plan->count && told->len == told->count * told->size))) {
        (void)match_pages(u, told, DFU_UPLOAD_COPY);
    }
}

static void take_no(struct dfu_upload *u, const struct dfu_refusal *refusal)
{
    struct dfu_upload_plan *plan = &u->plan;

    if (plan->asks_running) {
        plan->asks_running = false;
        plan->no_running = true;
    } else if (refusal->from_group && refusal->group == PAGES_GROUP && refusal->rc == NO_UPLOAD) {
        /* It restarted; the next chunk will be told so. */
        send_up_to(plan, plan->asked + min_u32(LOST_BYTES, u->config.image.size - plan->asked));
    } else {
        plan->is_off = true;
    }
}

bool plan_answer(struct dfu_upload *u, const uint8_t *frame, size_t len)
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
    plan->tries = 0;
    if (err == DFU_ERR_PERM) {
        take_no(u, &answer.refusal);
    } else if (err || !read_hashes(u, &answer, &told)) {
        plan->is_off = true;
    } else if (plan->asks_running) {
        take_running(u, &told);
    } else {
        take_own(u, &told);
    }
    return true;
}

/* ---- Doing ---- */

uint8_t plan_deed(const struct dfu_upload *u, uint32_t off, uint32_t *len)
{
    const struct dfu_upload_plan *plan = &u->plan;
    uint32_t first, i, end;
    uint8_t deed = DFU_UPLOAD_SEND;

    if (plan->is_off || off < plan->asked || off >= plan->end) {
        return DFU_UPLOAD_SEND;
    }
    first = off < plan->from ? 0 : (off - plan->from) / plan->size;
    if (off >= plan->from && (off - plan->from) % plan->size == 0) {
        deed = plan->deeds[first]; /* of a page that has begun, the rest is sent */
    }
    i = off < plan->from ? 0 : first + 1;
    while (i < plan->count && plan->deeds[i] == deed &&
           (deed != DFU_UPLOAD_COPY || (i + 1 - first) * plan->size <= plan->copy)) {
        i++;
    }
    end = min_u32(plan->from + i * plan->size, plan->end);
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
