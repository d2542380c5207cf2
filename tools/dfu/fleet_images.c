/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A request to each device, whose answer is the list of its images. Where a file says what is to be
 * confirmed, the device is asked first what it runs: on another one nothing is changed. */
#include "fleet_images.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dfu/err.h"

#define LIMIT_MS      5000u
#define LATENCY_TRIES 4u /* that a device which sleeps may miss */

struct order {
    bool confirms;
    const char *deed;           /* "list its images" */
    uint8_t hash[DFU_HASH_MAX]; /* of the image that a device must run to be confirmed */
    size_t hash_len;            /* 0: whatever it runs */
};

struct one {
    const struct order *order;
    struct device *dev;
    bool is_confirming; /* else its images are listed */
    bool runs_another;
    struct dfu_client_images images;
    struct dfu_exchange exchange;
    struct dfu_job asking;
    uint8_t frame[64];
};

static void ask(struct one *one, bool confirm)
{
    const struct device *dev = one->dev;
    struct dfu_call call = device_call(one->dev);
    uint32_t limit_ms = LIMIT_MS + LATENCY_TRIES * dev->cli->latency_ms;
    int len = confirm ? dfu_client_image_set(&call, NULL, 0, true, one->frame, sizeof(one->frame))
                      : dfu_client_image_list(&call, one->frame, sizeof(one->frame));

    one->is_confirming = confirm;
    dfu_exchange_start(&one->exchange, &call, one->frame, len,
                       dev->session.link.answer_ms + dev->cli->latency_ms,
                       dev->cli->timeout_ms ? dev->cli->timeout_ms : limit_ms);
}

static const struct dfu_client_slot *running(const struct dfu_client_images *images,
                                             const struct order *order)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct dfu_client_slot *s = &images->slots[i];

        if (s->active && s->hash_len == order->hash_len &&
            memcmp(s->hash, order->hash, order->hash_len) == 0) {
            return s;
        }
    }
    return NULL;
}

static void answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct one *one = ctx;
    const struct dfu_client_slot *slot;

    one->asking.answer(one->asking.ctx, now_ms, frame, len);
    if (one->exchange.result == DFU_CLIENT_RUNNING || one->exchange.result) {
        return;
    }
    if (dfu_client_images_read(&one->exchange.answer, &one->images)) {
        one->images.count = 0; /* recovery confirms without a list */
        one->exchange.result = one->is_confirming ? 0 : DFU_ERR_FORMAT;
    } else if (one->order->confirms && !one->is_confirming) {
        slot = running(&one->images, one->order);
        one->runs_another = !slot;
        if (slot && !slot->confirmed) {
            ask(one, true);
        }
    }
}

static size_t next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct one *one = ctx;

    return one->asking.next(one->asking.ctx, now_ms, frame, cap);
}

static uint64_t deadline(void *ctx)
{
    struct one *one = ctx;

    return one->asking.deadline(one->asking.ctx);
}

static bool is_over(void *ctx)
{
    struct one *one = ctx;

    return one->asking.is_over(one->asking.ctx);
}

static struct dfu_job begin(void *state, const void *what, struct device *dev)
{
    struct one *one = state;

    one->order = what;
    one->dev = dev;
    one->asking = dfu_job_of_exchange(&one->exchange);
    ask(one, one->order->confirms && one->order->hash_len == 0);
    return (struct dfu_job){ one, next, answer, deadline, is_over, NULL, NULL };
}

static void progress(void *state, struct fleet_progress *out)
{
    (void)state;
    out->step = "ask";
}

/* "slot 0: 1.1.0 active confirmed; slot 1: 1.0.0" */
static void describe(const struct dfu_client_images *images, char *out, size_t cap)
{
    size_t len = 0;

    snprintf(out, cap, images->count ? "" : "no slot holds an image");
    for (size_t i = 0; i < images->count && len < cap; i++) {
        const struct dfu_client_slot *s = &images->slots[i];
        char image[24] = "";

        if (s->image > 0) {
            snprintf(image, sizeof(image), "image %u ", (unsigned)s->image);
        }
        len += (size_t)snprintf(out + len, cap - len, "%s%sslot %u: %s%s%s%s%s", i ? "; " : "",
                                image, (unsigned)s->slot, s->version, s->active ? " active" : "",
                                s->confirmed ? " confirmed" : "", s->pending ? " pending" : "",
                                s->permanent ? " permanent" : "");
    }
}

static int fail_asking(const struct one *one, struct device *dev)
{
    switch (one->exchange.result) {
    case DFU_ERR_PERM:
        return device_fail_refused(dev, &one->exchange.answer.refusal, one->order->deed);
    case DFU_ERR_TIMEOUT: return device_fail_silent(dev, one->order->deed);
    default: return device_fail_broken(dev, one->order->deed);
    }
}

static bool is_on_trial(const struct dfu_client_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        if (images->slots[i].active && !images->slots[i].confirmed) {
            return true;
        }
    }
    return false;
}

static int result(void *state, struct device *dev, struct fleet_result *out)
{
    const struct one *one = state;
    cJSON *list;

    if (one->exchange.result) {
        return fail_asking(one, dev);
    }
    list = cJSON_AddArrayToObject(out->facts, "images");
    for (size_t i = 0; i < one->images.count; i++) {
        cJSON_AddItemToArray(list, device_slot_json(&one->images.slots[i]));
    }
    describe(&one->images, out->sentence, sizeof(out->sentence));
    if (one->runs_another) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "it runs another image than that of the file, and was not confirmed: %s",
                        out->sentence);
    }
    if (one->is_confirming && is_on_trial(&one->images)) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "the device took the confirmation, yet lists its image as unconfirmed and "
                        "will go back to the old one; look at its own log");
    }
    out->outcome = one->order->confirms ? "confirmed" : "listed";
    return CLI_DONE;
}

int fleet_image_list(struct cli *cli)
{
    static const struct fleet_work work = { "image list", sizeof(struct one), begin, progress,
                                            result };
    const struct order what = { .deed = "list its images" };
    const struct fleet_order order = { &work, &what, NULL, NULL };

    return fleet_run(cli, &order);
}

int fleet_image_confirm(struct cli *cli, const char *path)
{
    static const struct fleet_work work = { "image confirm", sizeof(struct one), begin, progress,
                                            result };
    struct order what = { .confirms = true, .deed = "confirm the image" };
    struct fleet_order order = { &work, &what, NULL, NULL };
    char hash[DEVICE_HASH_LEN];
    struct device_file file;
    int code;

    if (!path) {
        return fleet_run(cli, &order);
    }
    if (access(path, F_OK) != 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is no file; name the file of the image that the devices run, or none",
                        path);
    }
    code = device_file_read(cli, path, &file);
    if (!code) {
        what.hash_len = file.firmware.hash_len;
        memcpy(what.hash, file.firmware.run_hash, what.hash_len);
        order.subject = cJSON_CreateObject();
        cJSON_AddStringToObject(order.subject, "file", path);
        cJSON_AddStringToObject(order.subject, "hash",
                                device_hash_text(what.hash, what.hash_len, hash));
        code = fleet_run(cli, &order);
    }
    device_file_release(&file);
    return code;
}
