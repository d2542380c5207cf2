/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A whole file, chunk by chunk. done is what the device is known to have (upload) or what the sink
 * was given (download); every answer advances it, is counted, or ends the transfer. */
#include "dfu/client_file.h"

#include "base/bytes.h"
#include "client/body.h"
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

static int encode_download(struct dfu_file *f, struct dfu_call *call)
{
    struct dfu_cbor_encoder enc;

    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE);
    if (!f->config.name) {
        request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD);
    }
    request_begin(&enc, f->config.frame, f->config.frame_cap);
    if (f->config.name) {
        dfu_cbor_pair_text(&enc, "name", f->config.name);
    }
    dfu_cbor_pair_uint(&enc, "off", f->done);
    return request_end(&enc, call, f->config.frame);
}

static int encode_upload(struct dfu_file *f, struct dfu_call *call)
{
    const struct dfu_file_config *config = &f->config;
    struct dfu_cbor_encoder enc;
    size_t room, head;
    uint8_t *data;
    int err;

    request_name(call, DFU_SMP_WRITE, DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE);
    request_begin(&enc, config->frame, config->frame_cap);
    dfu_cbor_pair_text(&enc, "name", config->name);
    if (f->done == 0) {
        dfu_cbor_pair_uint(&enc, "len", f->size);
    }
    dfu_cbor_pair_uint(&enc, "off", f->done);
    dfu_cbor_put_text(&enc, "data");
    if (enc.err) {
        return enc.err;
    }
    room = enc.cap - enc.len;
    head = room <= UINT16_MAX ? 3 : 5;
    if (room <= head) {
        return DFU_ERR_NOSPACE;
    }
    f->chunk = f->size - f->done;
    f->chunk = f->chunk < room - head ? f->chunk : (uint32_t)(room - head);
    /* Read to the frame's end; the encoder moves it into place (it allows for the overlap). */
    data = config->frame + config->frame_cap - f->chunk;
    err = f->chunk > 0 ? config->source.read(config->source.ctx, f->done, data, f->chunk) : 0;
    if (err) {
        return err;
    }
    dfu_cbor_put_bytes(&enc, data, f->chunk);
    return request_end(&enc, call, config->frame);
}

/* The next chunk, as an exchange of its own. */
static void ask(struct dfu_file *f)
{
    struct dfu_call call = { .version = f->config.version, .seq = f->config.seq++ };
    int len = is_upload(f) ? encode_upload(f, &call) : encode_download(f, &call);

    if (len < 0) {
        finish(f, len);
        return;
    }
    dfu_exchange_start(&f->exchange, &call, f->config.frame, len, f->config.answer_ms,
                       f->config.silence_ms);
    f->exchange.keeps_version = f->is_version_known;
}

/* The device is at off now. Steps that do not advance are counted, until it gets further than
 * ever before. */
static void go_on_from(struct dfu_file *f, uint32_t off)
{
    bool is_advance = off > f->done;

    f->done = off;
    if (off > f->best) {
        f->best = off;
        f->stalls = 0;
    } else if (!is_advance && ++f->stalls > STALLS_MAX) {
        finish(f, DFU_ERR_STATE);
    }
}

static void take_upload(struct dfu_file *f, const struct dfu_answer *answer)
{
    uint32_t off;

    if (body_uint(answer, "off", &off) || off > f->size) {
        finish(f, DFU_ERR_FORMAT);
        return;
    }
    f->rewinds += off != f->done + f->chunk;
    go_on_from(f, off);
    if (off == f->size) {
        finish(f, 0);
    }
}

static void take_download(struct dfu_file *f, const struct dfu_answer *answer)
{
    struct dfu_cbor_span data;
    uint32_t off = 0, size = 0;
    struct dfu_cbor_key keys[] = {
        { "off", DFU_CBOR_UINT, &off, false },
        { "data", DFU_CBOR_BYTES, &data, false },
        { "len", DFU_CBOR_UINT, &size, false },
    };
    int err;

    if (dfu_cbor_decode_map(body_of(answer), keys, 3) || !keys[0].found || !keys[1].found ||
        off != f->done || (!f->has_size && !keys[2].found)) {
        finish(f, DFU_ERR_FORMAT);
        return;
    }
    if (!f->has_size) {
        f->has_size = true;
        f->size = size;
    }
    if (data.len > f->size - f->done) {
        finish(f, DFU_ERR_FORMAT);
        return;
    }
    err = f->config.sink(f->config.sink_ctx, f->size, off, data.data, data.len);
    if (err) {
        finish(f, err);
        return;
    }
    go_on_from(f, off + (uint32_t)data.len);
    if (f->done == f->size) {
        finish(f, 0);
    }
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

/* A device that expects another offset says which ("len"); else it starts over. */
static void take_refusal(struct dfu_file *f, const struct dfu_answer *answer)
{
    uint32_t off;

    f->refusal = answer->refusal;
    if (!is_about_offset(f, &answer->refusal)) {
        finish(f, DFU_ERR_PERM);
        return;
    }
    if (body_uint(answer, "len", &off) || off > f->size) {
        off = 0;
    }
    f->rewinds++;
    go_on_from(f, off);
    if (off == f->size) {
        finish(f, 0);
    }
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
    f->has_size = is_upload(f);
    f->size = is_upload(f) ? config->source.size : 0;
    ask(f);
}

size_t dfu_file_next(struct dfu_file *f, uint64_t now_ms)
{
    if (f->result != DFU_CLIENT_RUNNING) {
        return 0;
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

int dfu_file_answer(struct dfu_file *f, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    int result;

    if (f->result != DFU_CLIENT_RUNNING) {
        return f->result;
    }
    result = dfu_exchange_answer(&f->exchange, frame, len);
    if (result == DFU_CLIENT_RUNNING) {
        return f->result;
    }
    be_patient(f, now_ms);
    f->config.version = f->exchange.call.version;
    f->is_version_known = true;
    if (result == DFU_ERR_PERM) {
        take_refusal(f, &f->exchange.answer);
    } else if (result) {
        finish(f, result);
    } else if (is_upload(f)) {
        take_upload(f, &f->exchange.answer);
    } else {
        take_download(f, &f->exchange.answer);
    }
    if (f->result == DFU_CLIENT_RUNNING) {
        ask(f);
    }
    return f->result;
}

uint64_t dfu_file_deadline(const struct dfu_file *f)
{
    return f->result == DFU_CLIENT_RUNNING ? dfu_exchange_deadline(&f->exchange) : UINT64_MAX;
}

void dfu_file_link_back(struct dfu_file *f, uint64_t now_ms)
{
    f->exchange.due = 0;
    if (!f->was_lost ||
        f->done != f->done_at_loss) { /* a link that only comes and goes does not count */
        f->was_lost = true;
        f->done_at_loss = f->done;
        f->exchange.give_up_at = now_ms + f->config.silence_ms;
    }
}
