/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu image upload: a file into the free slot, nothing more. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "device.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "interrupt.h"
#include "progress.h"
#include "reason.h"

enum { OPT_IMAGE = 1, OPT_UPGRADE_ONLY, OPT_NO_DIFF };

struct upload {
    struct dfu_upload engine;
    struct progress progress;
};

static void upload_show(void *ctx, uint64_t now_ms)
{
    struct upload *u = ctx;

    progress_show(&u->progress, now_ms, u->engine.acked);
}

int device_fail_no_image(struct device *dev, uint32_t image)
{
    return cli_fail(dev->cli, CLI_REFUSED,
                    "the device has no image number %u; dfu image slots lists those it has",
                    (unsigned)image);
}

/* The bootloader's own limit and the image's number, before the first byte is sent. A server may
 * number its slots for uploads differently than its images. */
int device_check_fit(struct device *dev, const struct dfu_client_slot_sizes *sizes, uint32_t image,
                     uint32_t size)
{
    bool is_known = sizes->count == 0; /* many devices do not tell */

    for (size_t i = 0; i < sizes->count; i++) {
        const struct dfu_client_slot_size *s = &sizes->slots[i];
        uint32_t limit = s->max_image_size ? s->max_image_size : s->size;

        is_known = is_known || s->image == image || s->upload_image_id == (int64_t)image;
        if (s->image == image && limit > 0 && size > limit) {
            return cli_fail(dev->cli, CLI_REFUSED,
                            "the image of %u bytes does not fit the device, whose slots take %u; "
                            "make it smaller",
                            (unsigned)size, (unsigned)limit);
        }
    }
    return is_known ? CLI_DONE : device_fail_no_image(dev, image);
}

/* On a fast link an upload takes a few milliseconds. */
static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int show_result(struct device *dev, const struct upload *u, double took_s)
{
    const struct dfu_upload *engine = &u->engine;
    uint32_t size = engine->config.image.size;
    uint32_t there = engine->kept + engine->copied;
    uint32_t sent = size - engine->resumed_at;
    double speed = (double)sent / took_s;
    char text[24];

    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "bytes", size);
        cJSON_AddNumberToObject(json, "resumed_at", engine->resumed_at);
        cJSON_AddNumberToObject(json, "kept", engine->kept);
        cJSON_AddNumberToObject(json, "copied", engine->copied);
        cJSON_AddNumberToObject(json, "sent", engine->data_bytes);
        cJSON_AddNumberToObject(json, "seconds", took_s);
        cJSON_AddNumberToObject(json, "bytes_per_second", speed);
        cJSON_AddNumberToObject(json, "requests", engine->sent);
        cJSON_AddNumberToObject(json, "repeated", engine->repeated);
        cJSON_AddNumberToObject(json, "window", engine->window_peak);
        cJSON_AddBoolToObject(json, "match", engine->has_match);
        return cli_json_print(dev->cli, json);
    }
    if (engine->resumed_at == size) {
        printf("the device holds this image already\n");
    } else if (there > 0) {
        printf("sent %u of %u bytes in %.1f s, the rest was there%s\n",
               (unsigned)engine->data_bytes, (unsigned)size, took_s,
               engine->copied > 0 ? " or in the running image" : "");
    } else if (engine->resumed_at > 0) {
        printf("uploaded the last %u of %u bytes in %.1f s (%s/s), the rest was there\n",
               (unsigned)sent, (unsigned)size, took_s,
               progress_bytes((uint64_t)speed, text, sizeof(text)));
    } else {
        printf("uploaded %u bytes in %.1f s (%s/s)\n", (unsigned)size, took_s,
               progress_bytes((uint64_t)speed, text, sizeof(text)));
    }
    return CLI_DONE;
}

int device_fail_interrupted(struct device *dev, const struct dfu_upload *u)
{
    unsigned size = (unsigned)u->config.image.size;

    if (u->acked == 0) {
        return cli_fail(dev->cli, 128 + interrupt_came(),
                        "interrupted before the device took anything; give the same command again");
    }
    return cli_fail(dev->cli, 128 + interrupt_came(),
                    "interrupted: the device has %u of %u bytes, %u %%; the same command goes on "
                    "from there",
                    (unsigned)u->acked, size, (unsigned)((uint64_t)u->acked * 100 / size));
}

int device_fail_upload(struct device *dev, const struct dfu_upload *u)
{
    int silent = dev->session.link.kind ? CLI_NO_ANSWER : CLI_NO_DEVICE;
    char why[DFU_REASON_LEN];

    dfu_reason_upload(why, &dev->session, u);
    return cli_fail(dev->cli, u->result == DFU_ERR_TIMEOUT ? silent : CLI_REFUSED, "%s", why);
}

/* With signals caught. */
static int transfer(struct device *dev, const struct device_file *file, uint32_t image)
{
    struct upload u;
    const struct dfu_job job = dfu_job_of_upload(&u.engine);
    struct dfu_upload_config config = {
        .image = file->reader,
        .sha256 = cli_has(dev->cli, OPT_NO_DIFF) ? NULL : &dfu_sha256_openssl,
        .image_number = image,
        .upgrade_only = cli_has(dev->cli, OPT_UPGRADE_ONLY),
        .version = dev->session.version,
        .seq = dev->session.seq,
        .answer_ms = dev->session.link.answer_ms,
        .silence_ms = dev->cli->timeout_ms,
        .latency_ms = dev->cli->latency_ms,
        .first_ms = dev->cli->timeout_ms,
        .bytes_per_s = dev->session.link.bytes_per_s,
        .sends_meanwhile = !dev->session.link.is_line,
        .asks_at_once = device_asks_at_once(dev),
    };
    struct dfu_client_params params;
    struct dfu_client_slot_sizes sizes;
    double start_s = now_s();
    int code = device_params_and_slots(dev, &params, &sizes);

    code = code ? code : device_check_fit(dev, &sizes, image, file->firmware.size);
    if (code) {
        return code;
    }
    config.image.size = file->firmware.size;
    memcpy(config.sha, file->firmware.sha, sizeof(config.sha));
    config.frame_max = dfu_link_request_max(&dev->session.link, params.buf_size);
    config.window_max = params.buf_count > 0 ? params.buf_count - 1 : 1;
    config.seq = dev->session.seq;
    config.version = dev->session.version;
    if (dfu_upload_start(&u.engine, &config) == 0) {
        progress_start(&u.progress, dev->cli, "upload", file->firmware.size);
        device_run(dev, &job, upload_show, &u);
        progress_end(&u.progress);
    }
    if (u.engine.result == DFU_CLIENT_RUNNING) {
        return device_fail_interrupted(dev, &u.engine);
    }
    if (u.engine.result) {
        return device_fail_upload(dev, &u.engine);
    }
    return show_result(dev, &u, now_s() - start_s);
}

static int upload_run(struct cli *cli)
{
    struct device_file file;
    struct device *dev;
    uint64_t image = 0;
    int code = cli_number(cli, OPT_IMAGE, 0, UINT32_MAX, &image);

    if (code) {
        return code;
    }
    code = device_file_read(cli, cli_arg(cli, 0), &file);
    dev = code ? NULL : device_open(cli, &code);
    if (dev) {
        interrupt_catch();
        code = transfer(dev, &file, (uint32_t)image);
        interrupt_release();
        device_close(dev);
    }
    device_file_release(&file);
    return code;
}

static const struct cli_option upload_options[] = {
    { "image", 'n', "N", 1, "the device's image number, where it has several", "0", OPT_IMAGE },
    { "upgrade-only", 'u', NULL, 0, "let the device refuse a version that is not newer", NULL,
      OPT_UPGRADE_ONLY },
    { "no-diff", 0, NULL, 0, "send every byte, also those that the device has", NULL, OPT_NO_DIFF },
    { 0 },
};

static const char *const upload_examples[] = {
    "# Upload, then start it once; see image test",
    "dfu -d udp:192.0.2.1 image upload app.signed.bin",
    NULL,
};

const struct cli_command cmd_image_upload = {
    .name = "image upload",
    .args = "FILE",
    .summary = "Write a signed image to the slot that is not running",
    .details =
        "FILE is a binary or Intel HEX (.hex). A transfer that broke off is taken up where it\n"
        "stopped: run the command again. Pages that are in the slot already, or in the running\n"
        "one, are not sent to a device that tells their hashes.",
    .options = upload_options,
    .examples = upload_examples,
    .needs_target = true,
    .run = upload_run,
};
