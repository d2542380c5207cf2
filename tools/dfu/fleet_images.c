/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A request to each device, whose answer is the list of its images. Where a file says what is to be
 * confirmed, the device is asked first what it runs: on another one nothing is changed. A package
 * says it of several images: of these all run, or none is confirmed. */
#include "fleet_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dfu/err.h"
#include "package.h"
#include "upgrade_text.h"

#define LIMIT_MS      5000u
#define LATENCY_TRIES 4u /* that a device which sleeps may miss */

/* An image that a device must run to be confirmed. */
struct wanted {
    int64_t image; /* its number; -1: any */
    const struct dfu_firmware *firmware;
};

struct order {
    bool confirms;
    const char *deed; /* "list its images" */
    struct wanted wanted[PACKAGE_IMAGES_MAX];
    size_t count; /* 0: whatever it runs */
};

struct one {
    const struct order *order;
    struct device *dev;
    bool is_confirming; /* else its images are listed */
    bool runs_another;
    bool is_due[PACKAGE_IMAGES_MAX]; /* to be confirmed yet, of those wanted */
    struct dfu_client_images images;
    struct dfu_exchange exchange;
    struct dfu_job asking;
    uint8_t frame[128];
};

static void ask(struct one *one, int len, const struct dfu_call *call)
{
    const struct device *dev = one->dev;
    uint32_t limit_ms = LIMIT_MS + LATENCY_TRIES * dev->cli->latency_ms;

    dfu_exchange_start(&one->exchange, call, one->frame, len,
                       dev->session.link.answer_ms + dev->cli->latency_ms,
                       dev->cli->timeout_ms ? dev->cli->timeout_ms : limit_ms);
}

static void ask_list(struct one *one)
{
    struct dfu_call call = device_call(one->dev);

    ask(one, dfu_client_image_list(&call, one->frame, sizeof(one->frame)), &call);
}

/* The running image 0 has no need of a name; slot NULL: it is that. */
static void ask_confirm(struct one *one, const struct dfu_client_slot *slot)
{
    struct dfu_call call = device_call(one->dev);
    bool is_named = slot && slot->image > 0;

    one->is_confirming = true;
    ask(one,
        dfu_client_image_set(&call, is_named ? slot->hash : NULL, is_named ? slot->hash_len : 0,
                             true, one->frame, sizeof(one->frame)),
        &call);
}

static const struct dfu_client_slot *running(const struct dfu_client_images *images,
                                             const struct wanted *wanted)
{
    const struct dfu_firmware *firmware = wanted->firmware;

    for (size_t i = 0; i < images->count; i++) {
        const struct dfu_client_slot *s = &images->slots[i];

        if (s->active && (wanted->image < 0 || s->image == wanted->image) &&
            s->hash_len == firmware->hash_len &&
            memcmp(s->hash, firmware->run_hash, firmware->hash_len) == 0) {
            return s;
        }
    }
    return NULL;
}

/* What is wanted and runs on test; false if not all that is wanted runs. */
static bool find_due(struct one *one)
{
    for (size_t i = 0; i < one->order->count; i++) {
        const struct dfu_client_slot *slot = running(&one->images, &one->order->wanted[i]);

        if (!slot) {
            return false;
        }
        one->is_due[i] = !slot->confirmed;
    }
    return true;
}

/* The next one; none: it is over. A recovery that confirms without a list has one image. */
static void confirm_next(struct one *one)
{
    for (size_t i = 0; i < one->order->count; i++) {
        const struct dfu_client_slot *slot = running(&one->images, &one->order->wanted[i]);

        if (one->is_due[i] && slot) {
            one->is_due[i] = false;
            ask_confirm(one, slot);
            return;
        }
    }
}

static void answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct one *one = ctx;

    one->asking.answer(one->asking.ctx, now_ms, frame, len);
    if (one->exchange.result == DFU_CLIENT_RUNNING || one->exchange.result) {
        return;
    }
    if (dfu_client_images_read(&one->exchange.answer, &one->images)) {
        one->images.count = 0; /* recovery confirms without a list */
        one->exchange.result = one->is_confirming ? 0 : DFU_ERR_FORMAT;
    } else if (one->order->confirms) {
        one->runs_another = !one->is_confirming && !find_due(one);
        if (!one->runs_another) {
            confirm_next(one);
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
    if (one->order->confirms && one->order->count == 0) {
        ask_confirm(one, NULL);
    } else {
        ask_list(one);
    }
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

/* What runs and is not confirmed, of those wanted; NULL if there is none. */
static const struct dfu_client_slot *on_trial(const struct one *one)
{
    const struct order *order = one->order;

    for (size_t i = 0; i < one->images.count && order->count == 0; i++) {
        const struct dfu_client_slot *s = &one->images.slots[i];

        if (s->active && !s->confirmed) {
            return s;
        }
    }
    for (size_t i = 0; i < order->count; i++) {
        const struct dfu_client_slot *s = running(&one->images, &order->wanted[i]);

        if (s && !s->confirmed) {
            return s;
        }
    }
    return NULL;
}

static int fail_on_trial(const struct one *one, struct device *dev,
                         const struct dfu_client_slot *slot)
{
    if (one->order->count == 0 && slot->image > 0) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "image 0 is confirmed, image %u is on test and goes back at the next "
                        "reset; name its file, or the package, to confirm it",
                        (unsigned)slot->image);
    }
    return cli_fail(dev->cli, CLI_REFUSED,
                    "the device took the confirmation, yet lists its image as unconfirmed and "
                    "will go back to the old one; look at its own log");
}

static int result(void *state, struct device *dev, struct fleet_result *out)
{
    const struct one *one = state;
    const struct dfu_client_slot *slot;
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
        return cli_fail(
            dev->cli, CLI_REFUSED, "it runs another image than %s, and was not confirmed: %s",
            one->order->count > 1 ? "those of the package" : "that of the file", out->sentence);
    }
    slot = one->is_confirming ? on_trial(one) : NULL;
    if (slot) {
        return fail_on_trial(one, dev, slot);
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

static int confirm_file(struct cli *cli, const char *path, struct order *what,
                        struct fleet_order *order)
{
    struct device_file file;
    char hash[DEVICE_HASH_LEN];
    int code = device_file_read(cli, path, &file);

    if (!code) {
        what->wanted[0] = (struct wanted){ -1, &file.firmware };
        what->count = 1;
        order->subject = cJSON_CreateObject();
        cJSON_AddStringToObject(order->subject, "file", path);
        cJSON_AddStringToObject(
            order->subject, "hash",
            device_hash_text(file.firmware.run_hash, file.firmware.hash_len, hash));
        code = fleet_run(cli, order);
    }
    device_file_release(&file);
    return code;
}

static int confirm_package(struct cli *cli, const char *path, struct order *what,
                           struct fleet_order *order)
{
    struct package *package = calloc(1, sizeof(*package));
    struct dfu_upgrade_part parts[PACKAGE_IMAGES_MAX];
    int code;

    if (!package) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    code = package_read(cli, path, package);
    if (!code) {
        cJSON *list;

        package_parts(package, parts);
        order->subject = cJSON_CreateObject();
        cJSON_AddStringToObject(order->subject, "file", path);
        list = cJSON_AddArrayToObject(order->subject, "parts");
        for (size_t i = 0; i < package->count; i++) {
            what->wanted[i] = (struct wanted){ parts[i].image_number, &parts[i].firmware };
            cJSON_AddItemToArray(list, upgrade_part_json(&parts[i]));
        }
        what->count = package->count;
        code = fleet_run(cli, order);
    }
    package_release(package);
    free(package);
    return code;
}

int fleet_image_confirm(struct cli *cli, const char *path)
{
    static const struct fleet_work work = { "image confirm", sizeof(struct one), begin, progress,
                                            result };
    struct order what = { .confirms = true, .deed = "confirm the image" };
    struct fleet_order order = { &work, &what, NULL, NULL };

    if (!path) {
        return fleet_run(cli, &order);
    }
    if (access(path, F_OK) != 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is no file; name the file of the image that the devices run, or none",
                        path);
    }
    return package_is(path) ? confirm_package(cli, path, &what, &order)
                            : confirm_file(cli, path, &what, &order);
}
