/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One loop drives everything that talks to a device: the steps live in the library, the bytes in
 * the link, and this file knows only time. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dfu/err.h"
#include "dfu/smp.h"
#include "record.h"

#define TIMEOUT_MS       5000u
#define ERASE_TIMEOUT_MS 60000u
#define TICK_MS          100u
#define REOPEN_MS        100u
#define REOPEN_MAX_MS    2000u
#define FIRST_ANSWER_MS  1000u
#define LATENCY_TRIES    4u /* that a device which sleeps may miss */

static int exit_code_of(int err)
{
    return err == DFU_ERR_INVAL ? CLI_USAGE : CLI_NO_DEVICE;
}

struct device *device_open(struct cli *cli, int *exit_code)
{
    char why[DFU_LINK_WHY_LEN] = "";
    struct device *dev = calloc(1, sizeof(*dev));
    int err;

    if (!dev) {
        *exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory");
        return NULL;
    }
    dev->cli = cli;
    dev->version = DFU_SMP_V2;
    dev->seq = (uint8_t)((unsigned)getpid() * 37u + (unsigned)time(NULL));
    *exit_code = login_open(cli, &dev->login);
    if (!*exit_code) {
        *exit_code = record_open(cli, &dev->record);
    }
    err = *exit_code ? 0 : dfu_link_open(&dev->link, cli->target, why);
    if (err) {
        *exit_code = cli_fail(cli, exit_code_of(err), "%s", why);
    }
    if (*exit_code) {
        device_close(dev);
        return NULL;
    }
    return dev;
}

void device_close(struct device *dev)
{
    dfu_link_close(&dev->link);
    if (dev->record) {
        fclose(dev->record);
    }
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

struct dfu_call device_call(struct device *dev)
{
    return (struct dfu_call){ .version = dev->version, .seq = dev->seq++ };
}

/* ---- The loop ---- */

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

static void lose_link(struct device *dev, uint64_t now_ms)
{
    if (dev->cli->verbose > 0) {
        cli_note(dev->cli, "lost the connection to %s, trying again", dev->cli->target);
    }
    record_remark(dev->record, "the link was lost");
    dfu_link_close(&dev->link);
    dev->was_lost = true;
    dev->reopen_wait_ms = REOPEN_MS;
    dev->reopen_ms = now_ms + REOPEN_MS;
}

/* A link that is down swallows what is sent: the jobs repeat, and end, by their own clocks. */
static void reopen(struct device *dev, const struct device_job *job, uint64_t now_ms)
{
    char why[DFU_LINK_WHY_LEN];

    if (now_ms < dev->reopen_ms) {
        return;
    }
    if (dfu_link_open(&dev->link, dev->cli->target, why)) {
        dev->reopen_wait_ms *= 2;
        dev->reopen_wait_ms =
            dev->reopen_wait_ms < REOPEN_MAX_MS ? dev->reopen_wait_ms : REOPEN_MAX_MS;
        dev->reopen_ms = now_ms + dev->reopen_wait_ms;
    } else if (job->link_back) {
        job->link_back(job->ctx, now_ms);
    }
}

static void send_all(struct device *dev, const struct device_job *job)
{
    size_t len;

    while ((len = job->next(job->ctx, dfu_link_now_ms(), dev->out, sizeof(dev->out))) > 0) {
        trace(dev, '>', dev->out, len);
        login_note(dev->login, dev->out, len);
        if (dev->link.kind && dfu_link_send(&dev->link, dev->out, len)) {
            lose_link(dev, dfu_link_now_ms());
        }
    }
}

static void receive_some(struct device *dev, const struct device_job *job, uint32_t wait_ms)
{
    int len = dfu_link_receive(&dev->link, dev->in, sizeof(dev->in), wait_ms);

    while (len > 0 && !job->is_over(job->ctx)) {
        trace(dev, '<', dev->in, (size_t)len);
        if (!login_take(dev->login, dev, dev->in, (size_t)len)) {
            job->answer(job->ctx, dfu_link_now_ms(), dev->in, (size_t)len);
        }
        send_all(dev, job);
        if (job->show) {
            job->show(job->ctx, dfu_link_now_ms());
        }
        len = dev->link.kind ? dfu_link_receive(&dev->link, dev->in, sizeof(dev->in), 0) : 0;
    }
    if (len < 0) {
        lose_link(dev, dfu_link_now_ms());
    }
}

static uint32_t wait_of(uint64_t due_ms, uint64_t now_ms)
{
    uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;

    return left_ms < TICK_MS ? (uint32_t)left_ms : TICK_MS;
}

void device_run(struct device *dev, const struct device_job *job)
{
    while (!job->is_over(job->ctx)) {
        uint64_t now_ms;

        send_all(dev, job);
        now_ms = dfu_link_now_ms();
        if (job->is_over(job->ctx)) {
            break;
        }
        if (job->wants_reconnect && job->wants_reconnect(job->ctx)) {
            dfu_link_close(&dev->link);
            dev->reopen_wait_ms = REOPEN_MS;
            dev->reopen_ms = now_ms;
        }
        if (!dev->link.kind) {
            reopen(dev, job, now_ms);
        }
        if (dev->link.kind) {
            receive_some(dev, job, wait_of(job->deadline(job->ctx), now_ms));
        } else {
            usleep(wait_of(dev->reopen_ms, now_ms) * 1000u + 1000u);
        }
        if (job->show) {
            job->show(job->ctx, dfu_link_now_ms());
        }
    }
}

/* ---- One request ---- */

static size_t exchange_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct dfu_exchange *x = ctx;

    if (!dfu_exchange_next(x, now_ms) || x->len > cap) {
        return 0;
    }
    memcpy(frame, x->frame, x->len);
    return x->len;
}

static void exchange_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    (void)now_ms;
    (void)dfu_exchange_answer(ctx, frame, len);
}

static uint64_t exchange_deadline(void *ctx)
{
    return dfu_exchange_deadline(ctx);
}

static bool exchange_is_over(void *ctx)
{
    return ((struct dfu_exchange *)ctx)->result != DFU_CLIENT_RUNNING;
}

void device_exchange(struct device *dev, struct dfu_exchange *x)
{
    const struct device_job job = {
        x, exchange_next, exchange_answer, exchange_deadline, exchange_is_over, NULL, NULL, NULL
    };

    device_run(dev, &job);
}

bool device_send_again(struct device *dev, const uint8_t *frame, size_t len)
{
    trace(dev, '>', frame, len);
    return dev->link.kind && dfu_link_send(&dev->link, frame, len) == 0;
}

int device_try(struct device *dev, const struct dfu_call *call, int len,
               enum device_patience patience, const char *what)
{
    struct dfu_exchange x;
    uint32_t wait_ms = dev->link.answer_ms ? dev->link.answer_ms : FIRST_ANSWER_MS;
    uint32_t limit_ms =
        (patience == DEVICE_ERASES || patience == DEVICE_SLOW ? ERASE_TIMEOUT_MS : TIMEOUT_MS) +
        LATENCY_TRIES * dev->cli->latency_ms;
    uint8_t *frame;

    if (len < 0) {
        return cli_fail(dev->cli, CLI_USAGE, "cannot ask the device to %s: the request is too long",
                        what);
    }
    frame = malloc((size_t)len);
    if (!frame) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    memcpy(frame, dev->out, (size_t)len);
    limit_ms = dev->cli->timeout_ms ? dev->cli->timeout_ms : limit_ms;
    if (patience == DEVICE_ONCE || patience == DEVICE_ERASES) {
        wait_ms = patience == DEVICE_ONCE ? limit_ms : limit_ms / 2;
    }
    dfu_exchange_start(&x, call, frame, len, wait_ms + dev->cli->latency_ms, limit_ms);
    device_exchange(dev, &x);
    free(frame);
    dev->version = x.call.version;
    dev->answer = x.answer;
    switch (x.result) {
    case 0: return CLI_DONE;
    case DFU_ERR_PERM: return CLI_REFUSED;
    case DFU_ERR_TIMEOUT: return device_fail_silent(dev, what);
    default: return device_fail_broken(dev, what);
    }
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
    const char *name = refusal->from_group ? dfu_smp_err_name(refusal->group, refusal->rc)
                                           : dfu_smp_rc_name(refusal->rc);
    char code[96];

    if (refusal->from_group) {
        snprintf(code, sizeof(code), "group %u error %u%s%s", (unsigned)refusal->group,
                 (unsigned)refusal->rc, name ? " " : "", name ? name : "");
    } else {
        snprintf(code, sizeof(code), "error %u%s%s", (unsigned)refusal->rc, name ? " " : "",
                 name ? name : "");
    }
    return cli_fail(dev->cli, CLI_REFUSED, "the device refused to %s: %s (%s%s%s); %s", what,
                    dfu_refusal_what(refusal), code, refusal->reason[0] ? ": " : "",
                    refusal->reason, dfu_refusal_hint(refusal));
}

int device_fail_silent(struct device *dev, const char *what)
{
    const char *target = dev->cli->target;

    if (!dev->link.kind) {
        return cli_fail(dev->cli, CLI_NO_DEVICE,
                        "lost the connection to %s when it was to %s, and it did not come back; "
                        "check the device and its cable",
                        target, what);
    }
    if (dev->link.is_refused) {
        return cli_fail(dev->cli, CLI_NO_ANSWER,
                        "%s does not answer when asked to %s: its host says that nothing listens "
                        "on that port; start the device or correct the port",
                        target, what);
    }
    return cli_fail(dev->cli, CLI_NO_ANSWER,
                    "%s did not answer in time when asked to %s; check that it runs and speaks SMP "
                    "here, or wait longer with --timeout",
                    target, what);
}

int device_fail_broken(struct device *dev, const char *what)
{
    return cli_fail(dev->cli, CLI_REFUSED,
                    "%s answered with something that is not SMP when asked to %s; check that the "
                    "target is the right one",
                    dev->cli->target, what);
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

int device_params(struct device *dev, struct dfu_client_params *params)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_params(&call, dev->out, sizeof(dev->out));
    int code = device_try(dev, &call, len, DEVICE_QUICK, "tell its parameters");

    if (code == CLI_REFUSED || (!code && dfu_client_params_read(&dev->answer, params))) {
        *params = (struct dfu_client_params){ .buf_size = 384, .buf_count = 2 };
        return CLI_DONE;
    }
    return code;
}

int device_slot_sizes(struct device *dev, struct dfu_client_slot_sizes *sizes)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_slot_info(&call, dev->out, sizeof(dev->out));
    int code = device_try(dev, &call, len, DEVICE_QUICK, "tell its slots");

    sizes->count = 0;
    if (!code && dfu_client_slot_info_read(&dev->answer, sizes)) {
        code = device_fail_broken(dev, "tell its slots");
    }
    return code;
}
