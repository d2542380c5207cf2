/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The steps of one upgrade are the library's; before them, each device is asked what it is. */
#include "fleet_upgrade.h"

#include <stdio.h>
#include <string.h>

#include "dfu/err.h"
#include "upgrade_text.h"

#define WHO_MS 2000u /* it is for the log only */

struct one {
    struct dfu_exchange who;
    struct dfu_job asking, upgrading;
    uint8_t frame[32];
    char device[96]; /* its node's name and hardware, or empty */
    struct dfu_upgrade engine;
};

/* ---- The job: a question, then the engine ---- */

static bool is_asking(const struct one *one)
{
    return one->who.result == DFU_CLIENT_RUNNING;
}

static size_t next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    struct one *one = ctx;

    if (is_asking(one)) {
        size_t len = one->asking.next(one->asking.ctx, now_ms, frame, cap);

        if (len > 0 || is_asking(one)) {
            return len;
        }
    }
    return one->upgrading.next(one->upgrading.ctx, now_ms, frame, cap);
}

static void answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    struct one *one = ctx;
    struct dfu_client_text text;

    if (!is_asking(one)) {
        one->upgrading.answer(one->upgrading.ctx, now_ms, frame, len);
        return;
    }
    one->asking.answer(one->asking.ctx, now_ms, frame, len);
    if (one->who.result == 0 && dfu_client_info_read(&one->who.answer, &text) == 0) {
        (void)device_text(text, one->device, sizeof(one->device));
    }
}

static uint64_t deadline(void *ctx)
{
    struct one *one = ctx;
    struct dfu_job *job = is_asking(one) ? &one->asking : &one->upgrading;

    return job->deadline(job->ctx);
}

static bool is_over(void *ctx)
{
    return ((struct one *)ctx)->engine.step == DFU_UPGRADE_OVER;
}

static void link_back(void *ctx, uint64_t now_ms)
{
    struct one *one = ctx;

    if (!is_asking(one)) {
        one->upgrading.link_back(one->upgrading.ctx, now_ms);
    }
}

static bool wants_reconnect(void *ctx)
{
    struct one *one = ctx;

    return one->upgrading.wants_reconnect(one->upgrading.ctx);
}

/* Two tries are enough; a device that is silent now is given its time by the next question. */
static uint32_t who_limit_ms(const struct cli *cli, uint32_t wait_ms)
{
    uint32_t limit_ms = wait_ms > WHO_MS / 2 ? 2 * wait_ms : WHO_MS;

    return cli->timeout_ms && cli->timeout_ms < limit_ms ? cli->timeout_ms : limit_ms;
}

static struct dfu_job begin(void *state, const void *order, struct device *dev)
{
    struct one *one = state;
    struct dfu_upgrade_config config = *(const struct dfu_upgrade_config *)order;
    struct dfu_call call = device_call(dev);
    uint32_t wait_ms = dev->session.link.answer_ms + dev->cli->latency_ms;
    int len = dfu_client_info(&call, "ni", one->frame, sizeof(one->frame));

    config.link_max = dev->session.link.mtu;
    config.answer_ms = dev->session.link.answer_ms;
    config.sends_meanwhile = !dev->session.link.is_line;
    dfu_exchange_start(&one->who, &call, one->frame, len, wait_ms, who_limit_ms(dev->cli, wait_ms));
    dfu_upgrade_start(&one->engine, &config);
    one->asking = dfu_job_of_exchange(&one->who);
    one->upgrading = dfu_job_of_upgrade(&one->engine);
    return (struct dfu_job){ one, next, answer, deadline, is_over, link_back, wants_reconnect };
}

/* ---- What is told ---- */

static void progress(void *state, struct fleet_progress *out)
{
    struct one *one = state;

    out->step = is_asking(one) ? "ask" : dfu_upgrade_step_text(one->engine.step);
    if (!is_asking(one) && one->engine.step == DFU_UPGRADE_UPLOAD) {
        out->done = one->engine.upload.acked;
        out->total = one->engine.config.firmware.size;
    }
}

static int result(void *state, struct device *dev, struct fleet_result *out)
{
    struct one *one = state;
    const struct dfu_upgrade *g = &one->engine;
    const char *sentence = upgrade_done_sentence(g->outcome);
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];

    out->outcome = upgrade_outcome_word(g->outcome);
    if (one->device[0]) {
        cJSON_AddStringToObject(out->facts, "device", one->device);
    }
    if (g->before.version[0]) {
        cJSON_AddStringToObject(out->facts, "version_before", g->before.version);
    }
    if (g->before.hash_len > 0) {
        cJSON_AddStringToObject(out->facts, "hash_before",
                                device_hash_text(g->before.hash, g->before.hash_len, hash));
    }
    cJSON_AddNumberToObject(out->facts, "sent", g->upload.data_bytes);
    if (!sentence) {
        return upgrade_fail(dev, g);
    }
    dfu_image_version_text(&g->config.firmware.header.version, version);
    snprintf(out->sentence, sizeof(out->sentence), "%s %s", version, sentence);
    return CLI_DONE;
}

static const char *text_of(const cJSON *event, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, key));

    return text ? text : "";
}

/* The same image in the same place, and no less done with it than is asked for now. */
static bool is_done(const void *what, const cJSON *event)
{
    const struct dfu_upgrade_config *config = what;
    const struct dfu_firmware *firmware = &config->firmware;
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(event, "image");
    const char *outcome = text_of(event, "outcome");
    char hash[DEVICE_HASH_LEN];

    device_hash_text(firmware->hash, firmware->hash_len, hash);
    if (strcmp(text_of(event, "hash"), hash) != 0 || !cJSON_IsNumber(image) ||
        image->valuedouble != (double)config->image_number) {
        return false;
    }
    return strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_CONFIRMED)) == 0 ||
           strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_ALREADY_RUNNING)) == 0 ||
           (config->test_only && strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_ON_TEST)) == 0) ||
           (config->no_reset && strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_STAGED)) == 0);
}

int fleet_upgrade(struct cli *cli, const char *path, const struct dfu_upgrade_config *config)
{
    static const struct fleet_work work = { "upgrade", sizeof(struct one), begin, progress,
                                            result };
    const struct dfu_firmware *firmware = &config->firmware;
    cJSON *subject = cJSON_CreateObject();
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];
    const struct fleet_order order = { &work, config, subject, is_done };

    dfu_image_version_text(&firmware->header.version, version);
    cJSON_AddStringToObject(subject, "file", path);
    cJSON_AddNumberToObject(subject, "image", config->image_number);
    cJSON_AddStringToObject(subject, "version", version);
    cJSON_AddStringToObject(subject, "hash",
                            device_hash_text(firmware->hash, firmware->hash_len, hash));
    return fleet_run(cli, &order);
}
