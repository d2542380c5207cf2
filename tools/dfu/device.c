/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A device as the commands see it: a session of the port, with what a user wants to see of it. */
#include "device.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/client_auth.h"
#include "dfu/err.h"
#include "interrupt.h"
#include "reason.h"
#include "record.h"

#define MISSED_MS 3000u /* without any answer, which a long job still waits for */
#define FITS_ALL  128u  /* bytes of a request that no server's buffer is too small for */

/* ---- What the session tells ---- */

static void trace(const struct device *dev, char direction, const uint8_t *frame, size_t len)
{
    record_frame(dev->record, direction, frame, len);
    if (dev->cli->verbose < 2) {
        return;
    }
    fprintf(stderr, "%c ", direction);
    for (size_t i = 0; i < len; i++) {
        fprintf(stderr, "%02x", frame[i]);
    }
    fprintf(stderr, "\n");
}

static void sent(void *ctx, const uint8_t *frame, size_t len)
{
    struct device *dev = ctx;

    trace(dev, '>', frame, len);
    dev->asked_ms = dev->asked_ms ? dev->asked_ms : dfu_link_now_ms();
    login_note(dev->login, frame, len);
}

static bool received(void *ctx, uint8_t *frame, size_t len)
{
    struct device *dev = ctx;

    trace(dev, '<', frame, len);
    dev->has_answered = true;
    switch (login_take(dev->login, dev, frame, len)) {
    case LOGIN_BEGINS: return dev->session.waits_for_none || login_run(dev->login, dev, frame);
    case LOGIN_TAKES: return true;
    default: return false;
    }
}

static void lost(void *ctx)
{
    struct device *dev = ctx;

    if (dev->cli->verbose > 0) {
        cli_note(dev->cli, "lost the connection to %s, trying again", dev->cli->target);
    }
    record_remark(dev->record, "the link was lost");
}

static int exit_code_of(int err)
{
    return err == DFU_ERR_INVAL ? CLI_USAGE : CLI_NO_DEVICE;
}

/* They go over USB or TCP, too, but nobody speaks SMP there. */
static int check_kind(struct cli *cli)
{
    const char *group = strncmp(cli->target, "usbip:", 6) == 0    ? "usb"
                        : strncmp(cli->target, "config:", 7) == 0 ? "config"
                                                                  : NULL;

    if (!group) {
        return CLI_DONE;
    }
    return cli_fail(cli, CLI_USAGE,
                    "%s is a target of dfu %s; dfu %s takes one that speaks SMP (serial:, udp:, "
                    "dtls:, tcp:, ble:)",
                    cli->target, group, cli->command->name);
}

/* What takes its time is the other end's: a connection, a handshake. */
static int await_open(struct device *dev, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link *link = &dev->session.link;
    int err = 0;

    while (!err && link->is_opening && !interrupt_came()) {
        struct pollfd fd = { .fd = link->fd, .events = link->opening_events };
        uint64_t now_ms = dfu_link_now_ms();
        uint64_t left_ms = link->opening_due_ms > now_ms ? link->opening_due_ms - now_ms : 0;

        (void)poll(&fd, 1, (int)left_ms);
        err = dfu_session_go_on(&dev->session, why);
    }
    return err;
}

/* Exit codes. */
static int open_session(struct device *dev, bool is_one_of_many)
{
    char why[DFU_LINK_WHY_LEN] = "";
    int err;

    dev->session.waits_for_none = true;
    err = dfu_session_open(&dev->session, why);
    dev->session.waits_for_none = is_one_of_many;
    if (!err && !is_one_of_many && dev->session.link.is_opening) {
        interrupt_catch();
        err = await_open(dev, why);
        interrupt_release();
        if (interrupt_came()) {
            return device_fail_early(dev);
        }
    }
    return err ? cli_fail(dev->cli, exit_code_of(err), "%s", why) : CLI_DONE;
}

static struct device *open_device(struct cli *cli, bool is_one_of_many, int *exit_code)
{
    struct device *dev = calloc(1, sizeof(*dev));

    if (!dev) {
        *exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory");
        return NULL;
    }
    dev->cli = cli;
    dev->session.target = cli->target;
    dev->session.hooks = (struct dfu_session_hooks){ dev, sent, received, lost };
    dev->session.timeout_ms = cli->timeout_ms;
    dev->session.latency_ms = cli->latency_ms;
    *exit_code = check_kind(cli);
    if (!*exit_code) {
        *exit_code = login_open(cli, &dev->login);
    }
    if (!*exit_code) {
        *exit_code = record_open(cli, &dev->record);
    }
    if (!*exit_code) {
        *exit_code = open_session(dev, is_one_of_many);
    }
    if (*exit_code) {
        device_close(dev);
        return NULL;
    }
    return dev;
}

struct device *device_open(struct cli *cli, int *exit_code)
{
    return open_device(cli, false, exit_code);
}

struct device *device_begin(struct cli *cli, int *exit_code)
{
    return open_device(cli, true, exit_code);
}

void device_close(struct device *dev)
{
    login_leave(dev->login, dev);
    dfu_session_close(&dev->session);
    dev->cli->is_record_cut = !record_close(dev->record) || dev->cli->is_record_cut;
    login_close(dev->login);
    free(dev);
}

int device_with(struct cli *cli, int (*run)(struct device *dev))
{
    int code;
    struct device *dev = device_open(cli, &code);

    if (!dev) {
        return code;
    }
    code = run(dev);
    device_close(dev);
    return code;
}

int device_with_long(struct cli *cli, int (*run)(struct device *dev))
{
    int code;
    struct device *dev = device_open(cli, &code);

    if (!dev) {
        return code;
    }
    interrupt_catch();
    code = run(dev);
    interrupt_release();
    device_close(dev);
    return code;
}

struct dfu_call device_call(struct device *dev)
{
    return dfu_session_call(&dev->session);
}

/* ---- Jobs and requests ---- */

struct shown {
    struct device *missed; /* of a long job, or NULL */
    void (*show)(void *ctx, uint64_t now_ms);
    void *ctx;
};

/* Once, before the job gives up: most often there is no device. */
static void say_missed(struct device *dev, uint64_t now_ms)
{
    if (!dev->has_answered && !dev->was_missed && dev->asked_ms > 0 &&
        now_ms >= dev->asked_ms + MISSED_MS + dev->cli->latency_ms) {
        dev->was_missed = true;
        cli_note(dev->cli, "no answer yet from %s; is it on?", dev->cli->target);
    }
}

static bool show_it(void *ctx, uint64_t now_ms)
{
    const struct shown *shown = ctx;

    if (shown->missed) {
        say_missed(shown->missed, now_ms);
    }
    if (shown->show) {
        shown->show(shown->ctx, now_ms);
    }
    return interrupt_came() == 0;
}

void device_run(struct device *dev, const struct dfu_job *job,
                void (*show)(void *ctx, uint64_t now_ms), void *show_ctx)
{
    struct shown shown = { NULL, show, show_ctx };

    (void)dfu_session_run(&dev->session, job, show_it, &shown);
}

void device_run_long(struct device *dev, const struct dfu_job *job,
                     void (*show)(void *ctx, uint64_t now_ms), void *show_ctx)
{
    struct shown shown = { dev, show, show_ctx };

    interrupt_catch();
    (void)dfu_session_run(&dev->session, job, show_it, &shown);
    interrupt_release();
}

bool device_send_again(struct device *dev, const uint8_t *frame, size_t len)
{
    trace(dev, '>', frame, len);
    return dev->session.link.kind && dfu_link_send(&dev->session.link, frame, len) == 0;
}

static int code_of(struct device *dev, int result, const char *what)
{
    switch (result) {
    case 0: return CLI_DONE;
    case DFU_ERR_PERM: return CLI_REFUSED;
    case DFU_ERR_TIMEOUT: return device_fail_silent(dev, what);
    case DFU_CLIENT_RUNNING:
        return cli_fail(dev->cli, 128 + interrupt_came(),
                        "interrupted before the device could %s; give the same command again",
                        what);
    default: return device_fail_broken(dev, what);
    }
}

static int exchange(struct device *dev, const struct dfu_call *call, uint8_t *frame, int len,
                    enum device_patience patience)
{
    struct dfu_exchange x;
    const struct dfu_job job = dfu_job_of_exchange(&x);

    dfu_session_exchange(&dev->session, &x, call, frame, len, (enum dfu_patience)patience);
    device_run(dev, &job, NULL, NULL);
    dev->session.version = x.call.version;
    dev->answer = x.answer;
    return x.result;
}

/* How long a request may be, as far as the device tells. False: Ctrl-C came. */
static bool ask_room(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    struct dfu_client_params params;
    uint8_t frame[64];
    int len = dfu_client_params(&call, frame, sizeof(frame));
    int result = exchange(dev, &call, frame, len, DEVICE_QUICK);

    dev->request_max = UINT32_MAX;
    if (!result && !dfu_client_params_read(&dev->answer, &params)) {
        dev->request_max = dfu_link_request_max(&dev->session.link, params.buf_size);
    }
    return result != DFU_CLIENT_RUNNING;
}

/* What its buffer cannot hold a device drops without a word: that is not sent. */
static int check_room(struct device *dev, uint32_t len, const char *what)
{
    if (len > FITS_ALL && dev->request_max == 0 && !ask_room(dev)) {
        return device_fail_early(dev);
    }
    if (len <= FITS_ALL || len <= dev->request_max) {
        return CLI_DONE;
    }
    return cli_fail(dev->cli, CLI_USAGE,
                    "cannot ask the device to %s: that is a request of %u bytes, and its buffer "
                    "takes %u over this link; give it less at once",
                    what, (unsigned)len, (unsigned)dev->request_max);
}

int device_try(struct device *dev, const struct dfu_call *call, int len,
               enum device_patience patience, const char *what)
{
    int code;

    if (len < 0) {
        return cli_fail(dev->cli, CLI_USAGE, "cannot ask the device to %s: the request is too long",
                        what);
    }
    code = check_room(dev, (uint32_t)len, what);
    return code ? code : code_of(dev, exchange(dev, call, dev->out, len, patience), what);
}

/* A question before the first byte is sent. */
static int try_first(struct device *dev, const struct dfu_call *call, int len, const char *what)
{
    int result = exchange(dev, call, dev->out, len, DEVICE_QUICK);

    return result == DFU_CLIENT_RUNNING ? device_fail_early(dev) : code_of(dev, result, what);
}

int device_ask(struct device *dev, const struct dfu_call *call, int len,
               enum device_patience patience, const char *what)
{
    int code = device_try(dev, call, len, patience, what);

    if (code == CLI_REFUSED) {
        return device_fail_refused(dev, &dev->answer.refusal, what);
    }
    return code;
}

/* ---- Sentences ---- */

int device_fail_refused(struct device *dev, const struct dfu_refusal *refusal, const char *what)
{
    char why[DFU_REASON_LEN];

    if (dev->login && dev->login->why.from_group && dfu_client_auth_is_needed(refusal)) {
        refusal = &dev->login->why; /* the key was never looked at */
    }
    dfu_reason_refused(why, refusal, what);
    return cli_fail(dev->cli, CLI_REFUSED, "%s", why);
}

int device_fail_silent(struct device *dev, const char *what)
{
    char why[DFU_REASON_LEN];

    dfu_reason_silent(why, &dev->session, what, " with --timeout");
    return cli_fail(dev->cli, dev->session.link.kind ? CLI_NO_ANSWER : CLI_NO_DEVICE, "%s", why);
}

int device_fail_early(struct device *dev)
{
    return cli_fail(dev->cli, 128 + interrupt_came(),
                    "interrupted before anything was sent; give the same command again");
}

int device_fail_broken(struct device *dev, const char *what)
{
    char why[DFU_REASON_LEN];

    dfu_reason_broken(why, &dev->session, what);
    return cli_fail(dev->cli, CLI_REFUSED, "%s", why);
}

/* ---- Questions that several commands ask ---- */

int device_images(struct device *dev, struct dfu_client_images *images)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_image_list(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "list its images");

    if (!code && dfu_client_images_read(&dev->answer, images)) {
        code = device_fail_broken(dev, "list its images");
    }
    return code;
}

static const char tell_params[] = "tell its parameters", tell_slots[] = "tell its slots";

static const struct dfu_client_params cautious = { .buf_size = 384, .buf_count = 2 };

int device_params(struct device *dev, struct dfu_client_params *params)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_params(&call, dev->out, sizeof(dev->out));
    int code = try_first(dev, &call, len, tell_params);

    if (code == CLI_REFUSED || (!code && dfu_client_params_read(&dev->answer, params))) {
        *params = cautious;
        return CLI_DONE;
    }
    return code;
}

int device_slot_sizes(struct device *dev, struct dfu_client_slot_sizes *sizes)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_slot_info(&call, dev->out, sizeof(dev->out));
    int code = try_first(dev, &call, len, tell_slots);

    sizes->count = 0;
    if (!code && dfu_client_slot_info_read(&dev->answer, sizes)) {
        code = device_fail_broken(dev, tell_slots);
    }
    return code;
}

enum { PARAMS, SLOTS, QUESTIONS };

/* Two questions on their way together. */
struct questions {
    struct dfu_exchange each[QUESTIONS];
    uint8_t frames[QUESTIONS][64];
    struct dfu_client_params params;
    struct dfu_client_slot_sizes slots;
};

static void answered(void *ctx, const struct dfu_exchange *exchange)
{
    struct questions *q = ctx;

    if (exchange->result) {
        return;
    }
    if (exchange == &q->each[PARAMS]) {
        if (dfu_client_params_read(&exchange->answer, &q->params)) {
            q->params = cautious;
        }
    } else if (dfu_client_slot_info_read(&exchange->answer, &q->slots)) {
        q->slots.count = 0;
    }
}

static int ask_together(struct device *dev, struct questions *q)
{
    struct dfu_call calls[QUESTIONS] = { device_call(dev), device_call(dev) };
    int lens[QUESTIONS];
    struct dfu_exchanges all = { q->each, QUESTIONS, answered, q };
    const struct dfu_job job = dfu_job_of_exchanges(&all);

    lens[PARAMS] = dfu_client_params(&calls[PARAMS], q->frames[PARAMS], sizeof(q->frames[PARAMS]));
    lens[SLOTS] = dfu_client_slot_info(&calls[SLOTS], q->frames[SLOTS], sizeof(q->frames[SLOTS]));
    for (int i = 0; i < QUESTIONS; i++) {
        dfu_session_exchange(&dev->session, &q->each[i], &calls[i], q->frames[i], lens[i],
                             DFU_PATIENCE_QUICK);
    }
    device_run(dev, &job, NULL, NULL);
    dev->session.version = q->each[PARAMS].call.version;
    if (!job.is_over(job.ctx)) {
        return device_fail_early(dev);
    }
    if (q->each[PARAMS].result == DFU_ERR_TIMEOUT) {
        return device_fail_silent(dev, tell_params);
    }
    return q->each[SLOTS].result == DFU_ERR_TIMEOUT ? device_fail_silent(dev, tell_slots)
                                                    : CLI_DONE;
}

bool device_asks_at_once(const struct device *dev)
{
    return !dev->session.link.is_line && !dev->login; /* a login repeats one request */
}

int device_params_and_slots(struct device *dev, struct dfu_client_params *params,
                            struct dfu_client_slot_sizes *sizes)
{
    struct questions q = { .params = cautious };
    int code;

    if (!device_asks_at_once(dev)) {
        code = device_params(dev, params);
        code = code ? code : device_slot_sizes(dev, sizes);
        return code == CLI_REFUSED ? CLI_DONE : code;
    }
    code = ask_together(dev, &q);
    *params = q.params;
    *sizes = q.slots;
    return code;
}

void device_upgrade_link(const struct device *dev, struct dfu_upgrade_config *config)
{
    config->link_max = dev->session.link.mtu;
    config->buffer_rest = dev->session.link.rest;
    config->answer_ms = dev->session.link.answer_ms;
    config->bytes_per_s = dev->session.link.bytes_per_s;
    config->sends_meanwhile = !dev->session.link.is_line;
    config->asks_at_once = device_asks_at_once(dev);
}
