/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The steps of one upgrade are the library's; before them, each device is asked what it is. One image
 * takes fewer questions than a set of one. */
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
    bool is_set;     /* several images */
    union {
        struct dfu_upgrade engine;
        struct dfu_upgrade_set set;
    } of;
};

static const struct dfu_upgrade *engine_of(const struct one *one)
{
    return one->is_set ? &one->of.set.engine : &one->of.engine;
}

static enum dfu_upgrade_outcome outcome_of(const struct one *one)
{
    return one->is_set ? one->of.set.outcome : one->of.engine.outcome;
}

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
    struct one *one = ctx;

    return !is_asking(one) && one->upgrading.is_over(one->upgrading.ctx);
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

static void begin_upgrade(struct one *one, const struct dfu_upgrade_set_config *all,
                          const struct device *dev)
{
    struct dfu_upgrade_set_config config = *all;

    device_upgrade_link(dev, &config.each);
    one->is_set = config.count > 1;
    if (one->is_set) {
        (void)dfu_upgrade_set_start(&one->of.set, &config); /* a package holds no more than fit */
        one->upgrading = dfu_job_of_upgrade_set(&one->of.set);
        return;
    }
    config.each.file = all->parts[0].file;
    config.each.firmware = all->parts[0].firmware;
    config.each.image_number = all->parts[0].image_number;
    dfu_upgrade_start(&one->of.engine, &config.each);
    one->upgrading = dfu_job_of_upgrade(&one->of.engine);
}

static struct dfu_job begin(void *state, const void *order, struct device *dev)
{
    struct one *one = state;
    struct dfu_call call = device_call(dev);
    uint32_t wait_ms = dev->session.link.answer_ms + dev->cli->latency_ms;
    int len = dfu_client_info(&call, "ni", one->frame, sizeof(one->frame));

    dfu_exchange_start(&one->who, &call, one->frame, len, wait_ms, who_limit_ms(dev->cli, wait_ms));
    one->asking = dfu_job_of_exchange(&one->who);
    begin_upgrade(one, order, dev);
    return (struct dfu_job){ one, next, answer, deadline, is_over, link_back, wants_reconnect };
}

/* ---- What is told ---- */

static void progress(void *state, struct fleet_progress *out)
{
    struct one *one = state;
    const struct dfu_upgrade *g = engine_of(one);

    if (is_asking(one)) {
        out->step = "ask";
        return;
    }
    out->step = dfu_upgrade_step_text(g->step);
    if (one->is_set && !one->of.set.is_engine_on) {
        out->step = one->of.set.step == DFU_UPGRADE_SET_SLOTS ? "slots" : "confirm";
    } else if (g->step == DFU_UPGRADE_UPLOAD) {
        out->done = g->upload.acked;
        out->total = g->config.firmware.size;
    }
}

static void add_before(cJSON *facts, const struct dfu_client_slot *before, uint32_t sent)
{
    char hash[DEVICE_HASH_LEN];

    if (before->version[0]) {
        cJSON_AddStringToObject(facts, "version_before", before->version);
    }
    if (before->hash_len > 0) {
        cJSON_AddStringToObject(facts, "hash_before",
                                device_hash_text(before->hash, before->hash_len, hash));
    }
    cJSON_AddNumberToObject(facts, "sent", sent);
}

/* To each image of the event's subject; and one sentence for them all. */
static void tell_parts(const struct dfu_upgrade_set *set, struct fleet_result *out)
{
    cJSON *images = cJSON_GetObjectItemCaseSensitive(out->facts, "images");
    size_t len = 0, cap = sizeof(out->sentence);

    for (size_t i = 0; i < set->config.count; i++) {
        cJSON *image = cJSON_GetArrayItem(images, (int)i);
        char version[DFU_IMAGE_VERSION_STRLEN];

        add_before(image, &set->done[i].before, set->done[i].sent);
        dfu_image_version_text(&set->config.parts[i].firmware.header.version, version);
        if (len < cap) {
            len += (size_t)snprintf(out->sentence + len, cap - len, "image %u: %s, ",
                                    (unsigned)set->config.parts[i].image_number, version);
        }
    }
    if (len < cap && upgrade_set_done_sentence(set->outcome)) {
        snprintf(out->sentence + len, cap - len, "they %s",
                 upgrade_set_done_sentence(set->outcome));
    }
}

static int result(void *state, struct device *dev, struct fleet_result *out)
{
    struct one *one = state;
    const struct dfu_upgrade *g = &one->of.engine;
    char version[DFU_IMAGE_VERSION_STRLEN];

    out->outcome = upgrade_outcome_word(outcome_of(one));
    if (one->device[0]) {
        cJSON_AddStringToObject(out->facts, "device", one->device);
    }
    if (one->is_set) {
        tell_parts(&one->of.set, out);
        return upgrade_set_done_sentence(one->of.set.outcome) ? CLI_DONE
                                                              : upgrade_set_fail(dev, &one->of.set);
    }
    add_before(out->facts, &g->before, g->upload.data_bytes);
    if (!upgrade_done_sentence(g->outcome)) {
        return upgrade_fail(dev, g);
    }
    dfu_image_version_text(&g->config.firmware.header.version, version);
    snprintf(out->sentence, sizeof(out->sentence), "%s %s", version,
             upgrade_done_sentence(g->outcome));
    return CLI_DONE;
}

/* ---- The log ---- */

static const char *text_of(const cJSON *event, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, key));

    return text ? text : "";
}

/* The same image for the same place. */
static bool is_that_part(const struct dfu_upgrade_part *part, const cJSON *kept)
{
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(kept, "image");
    char hash[DEVICE_HASH_LEN];

    device_hash_text(part->firmware.hash, part->firmware.hash_len, hash);
    return strcmp(text_of(kept, "hash"), hash) == 0 && cJSON_IsNumber(image) &&
           image->valuedouble == (double)part->image_number;
}

static bool are_those_parts(const struct dfu_upgrade_set_config *config, const cJSON *event)
{
    const cJSON *images = cJSON_GetObjectItemCaseSensitive(event, "images");

    if (config->count == 1) {
        return is_that_part(&config->parts[0], event);
    }
    if (cJSON_GetArraySize(images) != (int)config->count) {
        return false;
    }
    for (size_t i = 0; i < config->count; i++) {
        if (!is_that_part(&config->parts[i], cJSON_GetArrayItem(images, (int)i))) {
            return false;
        }
    }
    return true;
}

/* And no less done with them than is asked for now. */
static bool is_done(const void *what, const cJSON *event)
{
    const struct dfu_upgrade_set_config *config = what;
    const char *outcome = text_of(event, "outcome");

    if (!are_those_parts(config, event)) {
        return false;
    }
    return strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_CONFIRMED)) == 0 ||
           strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_ALREADY_RUNNING)) == 0 ||
           (config->each.test_only &&
            strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_ON_TEST)) == 0) ||
           (config->each.no_reset &&
            strcmp(outcome, upgrade_outcome_word(DFU_UPGRADE_STAGED)) == 0);
}

int fleet_upgrade(struct cli *cli, const char *path, const struct dfu_upgrade_set_config *config)
{
    static const struct fleet_work work = { "upgrade", sizeof(struct one), begin, progress,
                                            result };
    cJSON *subject = cJSON_CreateObject(), *images;
    const struct fleet_order order = { &work, config, subject, is_done };

    cJSON_AddStringToObject(subject, "file", path);
    if (config->count > 1) {
        images = cJSON_AddArrayToObject(subject, "images");
        for (size_t i = 0; i < config->count; i++) {
            cJSON_AddItemToArray(images, upgrade_part_json(&config->parts[i]));
        }
    } else {
        upgrade_add_part(subject, &config->parts[0]);
    }
    return fleet_run(cli, &order);
}
