/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A whole file, chunk by chunk: the first as an exchange, the others in flight. done is what the
 * device is known to have (upload) or what the sink was given (download); every answer advances it,
 * is counted, or ends the transfer. */
#include "dfu/client_file.h"

#include "base/bytes.h"
#include "client/body.h"
#include "client/flight.h"
#include "client/request.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "dfu/smp_fs.h"

#define ANSWER_MS     1000u
#define ANSWER_MIN_MS 250u
#define SILENCE_MS    60000u
#define TRIES_MIN     24u /* that the patience for one chunk must allow */
#define STALLS_MAX    16u

static bool is_upload(const struct dfu_file *f)
{
    return f->config.source.read != NULL;
}

static void finish(struct dfu_file *f, int result)
{
    if (f->result == DFU_CLIENT_RUNNING) {
        f->result = result;
    }
}

/* The name of every request of the transfer. */
static void name_call(const struct dfu_file *f, struct dfu_call *call)
{
    request_name(call, is_upload(f) ? DFU_SMP_WRITE : DFU_SMP_READ, DFU_SMP_GROUP_FS,
                 DFU_SMP_FS_FILE);
    if (!f->config.name) {
        request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD);
    }
}

static int encode_download(struct dfu_file *f, struct dfu_call *call, uint32_t off)
{
    struct dfu_cbor_encoder enc;

    request_begin(&enc, f->config.frame, f->config.frame_cap);
    if (f->config.name) {
        dfu_cbor_pair_text(&enc, "name", f->config.name);
    }
    dfu_cbor_pair_uint(&enc, "off", off);
    return request_end(&enc, call, f->config.frame);
}

/* Fills the frame up; f->chunk is how much went into it. */
static int encode_upload(struct dfu_file *f, struct dfu_call *call, uint32_t off)
{
    const struct dfu_file_config *config = &f->config;
    struct dfu_cbor_encoder enc;
    size_t room, head;
    uint8_t *data;
    int err;

    request_begin(&enc, config->frame, config->frame_cap);
    dfu_cbor_pair_text(&enc, "name", config->name);
    if (off == 0) {
        dfu_cbor_pair_uint(&enc, "len", f->size);
    }
    dfu_cbor_pair_uint(&enc, "off", off);
    dfu_cbor_put_text(&enc, "data");
    if (enc.err) {
        return enc.err;
    }
    room = enc.cap - enc.len;
    head = room <= UINT16_MAX ? 3 : 5;
    if (room <= head) {
        return DFU_ERR_NOSPACE;
    }
    f->chunk = f->size - off;
    f->chunk = f->chunk < room - head ? f->chunk : (uint32_t)(room - head);
    /* Read to the frame's end; the encoder moves it into place (it allows for the overlap). */
    data = config->frame + config->frame_cap - f->chunk;
    err = f->chunk > 0 ? config->source.read(config->source.ctx, off, data, f->chunk) : 0;
    if (err) {
        return err;
    }
    dfu_cbor_put_bytes(&enc, data, f->chunk);
    return request_end(&enc, call, config->frame);
}

static int encode(struct dfu_file *f, struct dfu_call *call, uint32_t off)
{
    name_call(f, call);
    return is_upload(f) ? encode_upload(f, call, off) : encode_download(f, call, off);
}

/* The next chunk, as an exchange of its own. */
static void ask(struct dfu_file *f)
{
    struct dfu_call call = { .version = f->config.version, .seq = f->config.seq++ };
    int len = encode(f, &call, f->done);

    f->is_flying = false;
    if (len < 0) {
        finish(f, len);
        return;
    }
    dfu_exchange_start(&f->exchange, &call, f->config.frame, len, f->config.answer_ms,
                       f->config.silence_ms);
    f->exchange.keeps_version = f->is_version_known;
}

static void stall(struct dfu_file *f)
{
    if (++f->stalls > STALLS_MAX) {
        finish(f, DFU_ERR_STATE);
    }
}

/* The device is at off now. Steps that do not advance are counted, until it gets further than
 * ever before. */
static void go_on_from(struct dfu_file *f, uint32_t off)
{
    bool is_advance = off > f->done;

    f->done = off;
    f->next = max_u32(f->next, off);
    if (off > f->best) {
        f->best = off;
        f->stalls = 0;
    } else if (!is_advance) {
        stall(f);
    }
}

/* ---- What an answer says ---- */

/* The offset that the device expects next. */
static int read_upload(const struct dfu_file *f, const struct dfu_answer *answer, uint32_t *off)
{
    return body_uint(answer, "off", off) || *off > f->size ? DFU_ERR_FORMAT : 0;
}

/* A piece of the file at the offset that was asked for; the first one tells the size, too. */
static int read_download(struct dfu_file *f, const struct dfu_answer *answer, uint32_t asked,
                         struct dfu_cbor_span *data)
{
    uint32_t off = 0, size = 0;
    struct dfu_cbor_key keys[] = {
        { "off", DFU_CBOR_UINT, &off, false },
        { "data", DFU_CBOR_BYTES, data, false },
        { "len", DFU_CBOR_UINT, &size, false },
    };

    if (dfu_cbor_decode_map(body_of(answer), keys, 3) || !keys[0].found || !keys[1].found ||
        off != asked || (!f->has_size && !keys[2].found)) {
        return DFU_ERR_FORMAT;
    }
    if (!f->has_size) {
        f->has_size = true;
        f->size = size;
    }
    return asked > f->size || data->len > f->size - asked ? DFU_ERR_FORMAT : 0;
}

/* The next piece, in order. */
static void keep(struct dfu_file *f, struct dfu_cbor_span data)
{
    int err = f->config.sink(f->config.sink_ctx, f->size, f->done, data.data, data.len);

    if (err) {
        finish(f, err);
        return;
    }
    go_on_from(f, f->done + (uint32_t)data.len);
}

/* In version 1 that is an unknown error like others; it can only be meant where there is an
 * offset. */
static bool is_about_offset(const struct dfu_file *f, const struct dfu_refusal *refusal)
{
    if (!is_upload(f)) {
        return false;
    }
    if (!refusal->from_group) {
        return refusal->rc == DFU_SMP_EUNKNOWN && f->done > 0;
    }
    return refusal->group == DFU_SMP_GROUP_FS && refusal->rc == DFU_SMP_FS_FILE_OFFSET_NOT_VALID;
}

/* The offset that a refusal asks for: a device that expects another one says which ("len"), else it
 * starts over. False: it is a refusal of another kind, and the end. */
static bool read_refusal(struct dfu_file *f, const struct dfu_answer *answer, uint32_t *off)
{
    f->refusal = answer->refusal;
    if (!is_about_offset(f, &answer->refusal)) {
        finish(f, DFU_ERR_PERM);
        return false;
    }
    if (body_uint(answer, "len", off) || *off > f->size) {
        *off = 0;
    }
    return true;
}

/* ---- The first chunk ---- */

static void take_alone(struct dfu_file *f, const struct dfu_answer *answer, int result)
{
    struct dfu_cbor_span data;
    uint32_t off;

    if (result == DFU_ERR_PERM) {
        if (read_refusal(f, answer, &off)) {
            f->rewinds++;
            go_on_from(f, off);
        }
    } else if (result) {
        finish(f, result);
    } else if (is_upload(f)) {
        result = read_upload(f, answer, &off);
        finish(f, result ? result : DFU_CLIENT_RUNNING);
        if (!result) {
            f->rewinds += off != f->done + f->chunk;
            go_on_from(f, off);
        }
    } else {
        result = read_download(f, answer, f->done, &data);
        finish(f, result ? result : DFU_CLIENT_RUNNING);
        if (!result) {
            f->chunk = (uint32_t)data.len;
            keep(f, data);
        }
    }
}

/* ---- The others ---- */

static void take_off(struct dfu_file *f)
{
    f->is_flying = true;
    f->next = f->done;
    flight_start(&f->flight, f->config.version == DFU_SMP_V1 ? 1 : f->config.window_max,
                 f->config.answer_ms, f->config.latency_ms, 0);
}

static size_t send_next(struct dfu_file *f, uint64_t now_ms)
{
    struct dfu_call call = { .version = f->config.version, .seq = f->config.seq };
    uint32_t left = f->size - f->next;
    int len;

    if (left == 0 || flight_count(&f->flight) >= f->flight.window) {
        return 0;
    }
    len = encode(f, &call, f->next);
    if (len < 0) {
        finish(f, len);
        return 0;
    }
    left = min_u32(f->chunk, left);
    flight_add(&f->flight, now_ms, (size_t)len, f->next, left)->seq = f->config.seq++;
    f->next += left;
    return (size_t)len;
}

/* What was sent before this one did not arrive, or only in part. */
static void gap(struct dfu_file *f, uint32_t order)
{
    flight_gap(&f->flight, order);
    f->next = f->done;
    f->rewinds++;
    stall(f);
}

/* The device is at off, as the answer to p says. Old answers may only advance it. */
static void take_offset(struct dfu_file *f, const struct dfu_flight_part *p, uint32_t off)
{
    bool is_news = p->state == FLIGHT_FLYING && p->order > f->flight.heard_order;

    f->flight.heard_order = max_u32(f->flight.heard_order, p->order);
    if (off > f->done) {
        go_on_from(f, off);
        if (p->state == FLIGHT_FLYING) {
            flight_grow(&f->flight);
        }
        if (is_news && off < p->off + p->len) {
            gap(f, p->order); /* written in part: what follows does not fit */
        }
    } else if (is_news && off == 0) {
        f->rewinds++;
        go_on_from(f, 0);
        ask(f); /* it is to be opened again */
    } else if (is_news && (off < f->done || off < p->off + p->len)) {
        f->done = off;
        gap(f, p->order);
    }
    flight_settle(&f->flight, f->flight.heard_order, f->done);
}

static void take_piece(struct dfu_file *f, const struct dfu_flight_part *p,
                       struct dfu_cbor_span data)
{
    bool is_news = p->state == FLIGHT_FLYING && p->order > f->flight.heard_order;

    f->flight.heard_order = max_u32(f->flight.heard_order, p->order);
    if (p->off == f->done) {
        keep(f, data);
        flight_grow(&f->flight);
        if (data.len < p->len && f->done < f->size) {
            f->chunk = data.len > 0 ? (uint32_t)data.len : f->chunk;
            gap(f, p->order);
        }
    } else if (is_news && p->off > f->done) {
        gap(f, p->order);
    }
    flight_settle(&f->flight, f->flight.heard_order, f->done);
}

static void take_flying(struct dfu_file *f, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct dfu_call call = { 0 };
    struct dfu_answer answer;
    struct dfu_flight_part *p, was;
    struct dfu_cbor_span data;
    uint32_t off = 0, before = f->done;
    int err = 0;

    name_call(f, &call);
    p = flight_find(&f->flight, &call, frame, len, &answer, &err);
    if (!p) {
        return;
    }
    was = *p;
    p->state = FLIGHT_FREE;
    flight_measure(&f->flight, now_ms, was.sent_ms, was.left_ms);
    if (err == DFU_ERR_PERM) {
        if (read_refusal(f, &answer, &off)) {
            take_offset(f, &was, off);
        }
    } else if (is_upload(f)) {
        err = err ? err : read_upload(f, &answer, &off);
        finish(f, err ? err : DFU_CLIENT_RUNNING);
        if (!err) {
            take_offset(f, &was, off);
        }
    } else {
        err = err ? err : read_download(f, &answer, was.off, &data);
        finish(f, err ? err : DFU_CLIENT_RUNNING);
        if (!err) {
            take_piece(f, &was, data);
        }
    }
    f->advanced_ms = f->done > before ? now_ms : f->advanced_ms;
}

/* Requests that are repeated too early are carried out late, when they do harm: wait longer at
 * once where an answer took long, counted from the first try, and shorter bit by bit. */
static void be_patient(struct dfu_file *f, uint64_t now_ms)
{
    uint64_t took_ms = 2 * (now_ms - f->asked_ms), most_ms = f->config.silence_ms / TRIES_MIN;
    uint32_t wait_ms = f->config.answer_ms - f->config.answer_ms / 4;

    wait_ms = max_u32(wait_ms, ANSWER_MIN_MS + f->config.latency_ms);
    f->config.answer_ms = max_u32(wait_ms, (uint32_t)(took_ms < most_ms ? took_ms : most_ms));
}

void dfu_file_start(struct dfu_file *f, const struct dfu_file_config *config)
{
    *f = (struct dfu_file){ .config = *config, .result = DFU_CLIENT_RUNNING };
    f->config.answer_ms = (config->answer_ms ? config->answer_ms : ANSWER_MS) + config->latency_ms;
    f->config.silence_ms =
        config->silence_ms ? config->silence_ms : SILENCE_MS + TRIES_MIN * config->latency_ms;
    f->has_size = is_upload(f) || config->from > 0;
    f->size = is_upload(f) ? config->source.size : config->size;
    f->done = min_u32(config->from, f->size);
    f->best = f->done;
    ask(f);
}

static size_t next_flying(struct dfu_file *f, uint64_t now_ms)
{
    if (now_ms >= f->advanced_ms + f->config.silence_ms) {
        finish(f, DFU_ERR_TIMEOUT);
        return 0;
    }
    if (flight_expire(&f->flight, now_ms, flight_patience(&f->flight))) {
        f->next = f->done;
    }
    return send_next(f, now_ms);
}

size_t dfu_file_next(struct dfu_file *f, uint64_t now_ms)
{
    if (f->result != DFU_CLIENT_RUNNING) {
        return 0;
    }
    if (f->is_flying) {
        return next_flying(f, now_ms);
    }
    if (dfu_exchange_next(&f->exchange, now_ms)) {
        f->asked_ms = f->exchange.tries == 1 ? now_ms : f->asked_ms;
        return f->exchange.len;
    }
    if (f->exchange.result != DFU_CLIENT_RUNNING) {
        finish(f, f->exchange.result);
    }
    return 0;
}

static void answer_alone(struct dfu_file *f, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    uint32_t before = f->done;
    int result = dfu_exchange_answer(&f->exchange, frame, len);

    if (result == DFU_CLIENT_RUNNING) {
        return;
    }
    be_patient(f, now_ms);
    f->config.version = f->exchange.call.version;
    f->is_version_known = true;
    take_alone(f, &f->exchange.answer, result);
    if (f->result == DFU_CLIENT_RUNNING && f->done > before) {
        f->advanced_ms = now_ms;
        take_off(f);
        flight_measure(&f->flight, now_ms, f->asked_ms, f->asked_ms);
    } else if (f->result == DFU_CLIENT_RUNNING) {
        ask(f);
    }
}

int dfu_file_answer(struct dfu_file *f, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    if (f->result != DFU_CLIENT_RUNNING) {
        return f->result;
    }
    if (f->is_flying) {
        take_flying(f, now_ms, frame, len);
    } else {
        answer_alone(f, now_ms, frame, len);
    }
    if (f->has_size && f->done == f->size && f->result == DFU_CLIENT_RUNNING &&
        f->is_version_known) {
        finish(f, 0);
    }
    return f->result;
}

uint64_t dfu_file_deadline(const struct dfu_file *f)
{
    uint64_t end_ms = f->advanced_ms + f->config.silence_ms, due_ms;

    if (f->result != DFU_CLIENT_RUNNING) {
        return UINT64_MAX;
    }
    due_ms = f->is_flying ? flight_due_ms(&f->flight, flight_patience(&f->flight))
                          : dfu_exchange_deadline(&f->exchange);
    return f->is_flying && end_ms < due_ms ? end_ms : due_ms;
}

void dfu_file_link_back(struct dfu_file *f, uint64_t now_ms)
{
    bool is_progress = !f->was_lost || f->done != f->done_at_loss;

    f->exchange.due = 0;
    flight_set_all(&f->flight, FLIGHT_LOST);
    f->next = f->done;
    if (is_progress) { /* a link that only comes and goes does not count */
        f->was_lost = true;
        f->done_at_loss = f->done;
        f->exchange.give_up_at = now_ms + f->config.silence_ms;
        f->advanced_ms = now_ms;
    }
}
