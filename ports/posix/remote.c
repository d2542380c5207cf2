/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A session with its buffers and its last sentence. Every call starts with remote_begin and ends
 * with remote_result or one of the sentences. */
#include "dfu/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dfu/err.h"
#include "dfu/openssl.h"
#include "reason.h"

#define FRAME_MAX      512u /* of the requests made here */
#define PARAMS_SIZE    384u /* of a device that tells none */
#define QUIET_MS       1000u
#define WAIT_MS        300000u
#define WAIT_REPEAT_MS 1000u

struct dfu_remote {
    struct dfu_remote_config config;
    struct dfu_session session;
    struct dfu_refusal refusal;
    char why[DFU_REMOTE_WHY_LEN];
    char target[];
};

static void sent(void *ctx, const uint8_t *frame, size_t len)
{
    const struct dfu_remote *r = ctx;

    r->config.trace(r->config.ctx, '>', frame, len);
}

static bool received(void *ctx, uint8_t *frame, size_t len)
{
    const struct dfu_remote *r = ctx;

    r->config.trace(r->config.ctx, '<', frame, len);
    return false;
}

int dfu_remote_open(struct dfu_remote **out, const struct dfu_remote_config *config,
                    char why[DFU_REMOTE_WHY_LEN])
{
    size_t len = strlen(config->target) + 1;
    struct dfu_remote *r = calloc(1, sizeof(*r) + len);
    int err;

    *out = NULL;
    why[0] = 0;
    if (!r) {
        snprintf(why, DFU_REMOTE_WHY_LEN, "out of memory");
        return DFU_ERR_NOSPACE;
    }
    r->config = *config;
    memcpy(r->target, config->target, len);
    r->session.target = r->target;
    r->session.timeout_ms = config->timeout_ms;
    r->session.latency_ms = config->latency_ms;
    if (config->trace) {
        r->session.hooks = (struct dfu_session_hooks){ r, sent, received, NULL };
    }
    err = dfu_session_open(&r->session, why);
    if (err) {
        free(r);
        return err;
    }
    *out = r;
    return 0;
}

void dfu_remote_close(struct dfu_remote *remote)
{
    if (remote) {
        dfu_session_close(&remote->session);
        free(remote);
    }
}

const char *dfu_remote_why(const struct dfu_remote *remote)
{
    return remote->why;
}

const struct dfu_refusal *dfu_remote_refusal(const struct dfu_remote *remote)
{
    return &remote->refusal;
}

/* ---- Requests ---- */

static void begin(struct dfu_remote *r)
{
    r->why[0] = 0;
    r->refusal = (struct dfu_refusal){ 0 };
}

/* A time-out without a link is the link's. */
static int silent_err(const struct dfu_remote *r, int err)
{
    return err == DFU_ERR_TIMEOUT && !r->session.link.kind ? DFU_ERR_IO : err;
}

static int broken(struct dfu_remote *r, const char *what)
{
    dfu_reason_broken(r->why, &r->session, what);
    return DFU_ERR_FORMAT;
}

static int ask(struct dfu_remote *r, const struct dfu_call *call, uint8_t *frame, int len,
               enum dfu_patience patience, const char *what, struct dfu_answer *answer)
{
    int err = dfu_session_ask(&r->session, call, frame, len, patience, answer);

    switch (err) {
    case 0: break;
    case DFU_ERR_PERM:
        r->refusal = answer->refusal;
        dfu_reason_refused(r->why, &answer->refusal, what);
        break;
    case DFU_ERR_TIMEOUT: dfu_reason_silent(r->why, &r->session, what, ""); break;
    case DFU_ERR_FORMAT: dfu_reason_broken(r->why, &r->session, what); break;
    default:
        snprintf(r->why, sizeof(r->why), "cannot ask the device to %s: the request is too long",
                 what);
    }
    return silent_err(r, err);
}

struct dfu_call dfu_remote_call(struct dfu_remote *remote)
{
    return dfu_session_call(&remote->session);
}

int dfu_remote_ask(struct dfu_remote *remote, const struct dfu_call *call, uint8_t *frame, int len,
                   const char *what, struct dfu_answer *answer)
{
    begin(remote);
    return ask(remote, call, frame, len, DFU_PATIENCE_QUICK, what, answer);
}

int dfu_remote_images(struct dfu_remote *remote, struct dfu_client_images *out)
{
    static const char what[] = "list its images";
    struct dfu_call call = dfu_session_call(&remote->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];
    int err;

    begin(remote);
    err = ask(remote, &call, frame, dfu_client_image_list(&call, frame, sizeof(frame)),
              DFU_PATIENCE_QUICK, what, &answer);
    if (!err && dfu_client_images_read(&answer, out)) {
        err = broken(remote, what);
    }
    return err;
}

static int set_image(struct dfu_remote *r, const uint8_t *hash, size_t hash_len, bool confirm,
                     const char *what)
{
    struct dfu_call call = dfu_session_call(&r->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];

    begin(r);
    return ask(r, &call, frame,
               dfu_client_image_set(&call, hash, hash_len, confirm, frame, sizeof(frame)),
               DFU_PATIENCE_QUICK, what, &answer);
}

int dfu_remote_test(struct dfu_remote *remote, const uint8_t *hash, size_t hash_len)
{
    return set_image(remote, hash, hash_len, false, "test the image");
}

int dfu_remote_confirm(struct dfu_remote *remote, const uint8_t *hash, size_t hash_len)
{
    return set_image(remote, hash, hash_len, true, "confirm the image");
}

int dfu_remote_erase(struct dfu_remote *remote, int slot)
{
    struct dfu_call call = dfu_session_call(&remote->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];

    begin(remote);
    return ask(remote, &call, frame, dfu_client_image_erase(&call, slot, frame, sizeof(frame)),
               DFU_PATIENCE_ERASES, "erase the slot", &answer);
}

int dfu_remote_reset(struct dfu_remote *remote)
{
    struct dfu_call call = dfu_session_call(&remote->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];
    int err;

    begin(remote);
    err = ask(remote, &call, frame, dfu_client_reset(&call, false, 0, frame, sizeof(frame)),
              DFU_PATIENCE_ONCE, "reset", &answer);
    return err == DFU_ERR_TIMEOUT || err == DFU_ERR_IO ? 0 : err;
}

/* An answer of any kind shows that it is back, a refusal, too. The old application still answers
 * for a moment after it took the reset. */
int dfu_remote_wait(struct dfu_remote *remote, uint32_t limit_ms)
{
    struct dfu_session *s = &remote->session;
    struct dfu_call call;
    struct dfu_exchange x;
    struct dfu_job job;
    uint8_t frame[FRAME_MAX];
    int err;

    begin(remote);
    usleep(QUIET_MS * 1000u);
    call = dfu_session_call(s);
    dfu_exchange_start(&x, &call, frame, dfu_client_params(&call, frame, sizeof(frame)),
                       WAIT_REPEAT_MS + s->latency_ms, limit_ms ? limit_ms : WAIT_MS);
    job = dfu_job_of_exchange(&x);
    err = dfu_remote_run(remote, &job);
    if (!err && x.result == DFU_ERR_TIMEOUT) {
        err = silent_err(remote, x.result);
        snprintf(remote->why, sizeof(remote->why),
                 "%s did not come back in time after the reset; look at its console, or wait "
                 "longer",
                 s->target);
    }
    return err;
}

/* ---- What takes longer ---- */

struct watched {
    struct dfu_remote *remote;
    const uint32_t *done, *size; /* NULL: nothing to count */
};

static bool watch(void *ctx, uint64_t now_ms)
{
    const struct watched *w = ctx;
    const struct dfu_remote_config *config = &w->remote->config;

    (void)now_ms;
    return !config->progress ||
           config->progress(config->ctx, w->done ? *w->done : 0, w->size ? *w->size : 0);
}

static int run(struct dfu_remote *r, const struct dfu_job *job, const uint32_t *done,
               const uint32_t *size)
{
    struct watched watched = { r, done, size };
    int err = dfu_session_run(&r->session, job, watch, &watched);

    if (err) {
        snprintf(r->why, sizeof(r->why), "stopped as asked");
    }
    return err;
}

int dfu_remote_run(struct dfu_remote *remote, const struct dfu_job *job)
{
    begin(remote);
    return run(remote, job, NULL, NULL);
}

/* Cautious guesses where the device tells nothing. */
static int params_of(struct dfu_remote *r, struct dfu_client_params *params)
{
    struct dfu_call call = dfu_session_call(&r->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];
    int err = ask(r, &call, frame, dfu_client_params(&call, frame, sizeof(frame)),
                  DFU_PATIENCE_QUICK, "tell its parameters", &answer);

    if (err == DFU_ERR_PERM || (!err && dfu_client_params_read(&answer, params))) {
        *params = (struct dfu_client_params){ .buf_size = PARAMS_SIZE, .buf_count = 2 };
        begin(r);
        return 0;
    }
    return err;
}

int dfu_remote_inspect(struct dfu_remote *remote, const void *data, size_t len,
                       struct dfu_remote_image *out)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                         &dfu_sha512_openssl, NULL };
    struct dfu_reader reader;
    uint8_t buf[4096];
    int err;

    begin(remote);
    *out = (struct dfu_remote_image){ .bytes = { data, (uint32_t)len } };
    reader = dfu_memory_reader(&out->bytes);
    err = len == 0 || len > UINT32_MAX
              ? DFU_ERR_FORMAT
              : dfu_firmware_inspect(&reader, hashes, buf, sizeof(buf), &out->firmware);
    if (err || out->firmware.fault != DFU_IMAGE_FINE) {
        snprintf(
            remote->why, sizeof(remote->why),
            "the file is not a firmware image that can be sent: %s; sign it, or fetch it again",
            err ? dfu_err_name(err) : dfu_image_fault_text(out->firmware.fault));
        return DFU_ERR_FORMAT;
    }
    return 0;
}

int dfu_remote_upload(struct dfu_remote *remote, const struct dfu_remote_image *image,
                      struct dfu_upload *u)
{
    struct dfu_session *s = &remote->session;
    struct dfu_memory_span bytes = image->bytes;
    struct dfu_client_params params;
    struct dfu_upload_config config = {
        .image = dfu_memory_reader(&bytes),
        .sha256 = image->sends_all ? NULL : &dfu_sha256_openssl,
        .image_number = image->number,
        .upgrade_only = image->upgrade_only,
        .answer_ms = s->link.answer_ms,
        .silence_ms = s->timeout_ms,
        .latency_ms = s->latency_ms,
        .first_ms = s->timeout_ms,
        .bytes_per_s = s->link.bytes_per_s,
        .sends_meanwhile = !s->link.is_line,
        .asks_at_once = !s->link.is_line,
    };
    struct dfu_job job = dfu_job_of_upload(u);
    int err;

    begin(remote);
    err = params_of(remote, &params);
    if (err) {
        return err;
    }
    config.image.size = image->firmware.size;
    memcpy(config.sha, image->firmware.sha, sizeof(config.sha));
    config.frame_max = dfu_link_request_max(&s->link, params.buf_size);
    config.window_max = params.buf_count > 0 ? params.buf_count - 1 : 1;
    config.version = s->version;
    config.seq = s->seq;
    err = dfu_upload_start(u, &config) ? 0 : run(remote, &job, &u->acked, &u->config.image.size);
    s->seq = u->seq;
    u->config.image = (struct dfu_reader){ .size = u->config.image.size }; /* it goes with us */
    if (!err && u->result) {
        remote->refusal = u->refusal;
        dfu_reason_upload(remote->why, s, u);
        err = silent_err(remote, u->result);
    }
    return err;
}

static int upgrade_err(const struct dfu_remote *r, const struct dfu_upgrade *g)
{
    switch (g->outcome) {
    case DFU_UPGRADE_CONFIRMED:
    case DFU_UPGRADE_ALREADY_RUNNING:
    case DFU_UPGRADE_ON_TEST:
    case DFU_UPGRADE_STAGED: return 0;
    case DFU_UPGRADE_REVERTED: return DFU_ERR_VERIFY;
    case DFU_UPGRADE_NOT_RESTARTED:
    case DFU_UPGRADE_GONE: return silent_err(r, DFU_ERR_TIMEOUT);
    case DFU_UPGRADE_TOO_LARGE: return DFU_ERR_RANGE;
    case DFU_UPGRADE_NO_SUCH_IMAGE: return DFU_ERR_NOENT;
    default: return silent_err(r, g->err);
    }
}

int dfu_remote_upgrade(struct dfu_remote *remote, const struct dfu_remote_image *image,
                       const struct dfu_upgrade_config *wishes, struct dfu_upgrade *g)
{
    struct dfu_session *s = &remote->session;
    struct dfu_memory_span bytes = image->bytes;
    struct dfu_upgrade_config config = {
        .file = dfu_memory_reader(&bytes),
        .firmware = image->firmware,
        .sha256 = image->sends_all ? NULL : &dfu_sha256_openssl,
        .image_number = image->number,
        .upgrade_only = image->upgrade_only,
        .permanent = wishes && wishes->permanent,
        .test_only = wishes && wishes->test_only,
        .no_reset = wishes && wishes->no_reset,
        .boot_ms = wishes ? wishes->boot_ms : 0,
        .link_max = s->link.mtu,
        .buffer_rest = s->link.rest,
        .answer_ms = s->link.answer_ms,
        .silence_ms = s->timeout_ms,
        .erase_ms = s->timeout_ms,
        .latency_ms = s->latency_ms,
        .bytes_per_s = s->link.bytes_per_s,
        .sends_meanwhile = !s->link.is_line,
        .asks_at_once = !s->link.is_line,
    };
    struct dfu_job job = dfu_job_of_upgrade(g);
    int err;

    begin(remote);
    dfu_upgrade_start(g, &config);
    err = run(remote, &job, &g->upload.acked, &g->upload.config.image.size);
    g->config.file = g->upload.config.image = (struct dfu_reader){ 0 };
    if (!err) {
        err = upgrade_err(remote, g);
        remote->refusal = g->failed_in == DFU_UPGRADE_UPLOAD ? g->upload.refusal : g->refusal;
    }
    if (err && err != DFU_ERR_STOPPED) {
        dfu_reason_upgrade(remote->why, s, g);
    }
    return err;
}

static int transfer(struct dfu_remote *r, struct dfu_file_config *config, const char *what)
{
    struct dfu_session *s = &r->session;
    struct dfu_client_params params;
    struct dfu_file f;
    struct dfu_job job = dfu_job_of_file(&f);
    int err;

    begin(r);
    err = params_of(r, &params);
    if (err) {
        return err;
    }
    config->frame_cap = dfu_link_request_max(&s->link, params.buf_size);
    config->frame_cap = config->frame_cap < sizeof(s->out) ? config->frame_cap : sizeof(s->out);
    config->frame = malloc(config->frame_cap + 1);
    if (!config->frame) {
        snprintf(r->why, sizeof(r->why), "out of memory");
        return DFU_ERR_NOSPACE;
    }
    config->version = s->version;
    config->seq = s->seq;
    config->answer_ms = s->link.answer_ms;
    config->latency_ms = s->latency_ms;
    config->silence_ms = s->timeout_ms;
    config->window_max = params.buf_count > 0 ? params.buf_count - 1 : 1;
    dfu_file_start(&f, config);
    err = run(r, &job, &f.done, &f.size);
    free(config->frame);
    s->version = f.config.version;
    s->seq = f.config.seq;
    if (!err && f.result) {
        r->refusal = f.refusal;
        dfu_reason_file(r->why, s, &f, what);
        err = silent_err(r, f.result);
    }
    return err;
}

int dfu_remote_file_send(struct dfu_remote *remote, const char *name, const void *data, size_t len)
{
    struct dfu_memory_span bytes = { data, (uint32_t)len };
    struct dfu_file_config config = { .name = name, .source = dfu_memory_reader(&bytes) };

    if (len > UINT32_MAX) {
        begin(remote);
        snprintf(remote->why, sizeof(remote->why), "a file of 4 GiB or more cannot be sent");
        return DFU_ERR_RANGE;
    }
    return transfer(remote, &config, "take the file");
}

int dfu_remote_file_fetch(struct dfu_remote *remote, const char *name,
                          int (*sink)(void *ctx, uint32_t size, uint32_t off, const uint8_t *data,
                                      size_t len),
                          void *sink_ctx)
{
    struct dfu_file_config config = { .name = name, .sink = sink, .sink_ctx = sink_ctx };
    struct dfu_call call = dfu_session_call(&remote->session);
    struct dfu_answer answer;
    uint8_t frame[FRAME_MAX];
    int err;

    /* A server that still has the file open would go on with the size that it had then. */
    begin(remote);
    err = ask(remote, &call, frame, dfu_client_file_close(&call, frame, sizeof(frame)),
              DFU_PATIENCE_QUICK, "close its file", &answer);
    if (err && err != DFU_ERR_PERM) {
        return err;
    }
    return transfer(remote, &config, "give the file");
}
