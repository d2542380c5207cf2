/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Files move through memory: a local file appears whole or not at all. What was fetched of one that
 * broke off is kept beside it, in FILE.part. */
#include "fs_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "dfu/client_file.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "interrupt.h"
#include "progress.h"
#include "reason.h"

#define FILE_MAX (256u << 20)

struct transfer {
    struct dfu_file engine;
    struct device *dev;
    struct progress progress;
    const char *what; /* "upload" */
    uint8_t *data;    /* the whole file */
    struct dfu_memory_span span;
    bool is_shown, is_too_large;
    FILE *part; /* NULL: nothing is kept */
    char *part_path;
    const char *checked; /* the kind of hash that agreed; NULL: none was compared */
    uint64_t took_ms;
};

static void show(void *ctx, uint64_t now_ms)
{
    struct transfer *t = ctx;

    if (!t->engine.has_size) {
        return;
    }
    if (!t->is_shown) {
        progress_start(&t->progress, t->dev->cli, t->what, t->engine.size);
        t->is_shown = true;
    }
    progress_show(&t->progress, now_ms, t->engine.done);
}

/* Memory grows with the file that is told, but is only touched by what arrives. */
static bool take_room(struct transfer *t, uint32_t size)
{
    if (!t->data) {
        t->is_too_large = size > FILE_MAX;
        t->data = t->is_too_large ? NULL : malloc((size_t)size + 1);
    }
    return t->data != NULL;
}

static int keep(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len)
{
    struct transfer *t = ctx;

    if (!take_room(t, size)) {
        return DFU_ERR_RANGE;
    }
    memcpy(t->data + off, data, len);
    if (t->part && (fwrite(data, 1, len, t->part) != len || fflush(t->part))) {
        fclose(t->part); /* the disk is full: so much can be gone on from */
        t->part = NULL;
    }
    return 0;
}

static int fail(struct transfer *t, const char *what)
{
    struct dfu_file *f = &t->engine;
    int silent = t->dev->session.link.kind ? CLI_NO_ANSWER : CLI_NO_DEVICE;
    char why[DFU_REASON_LEN];

    if (t->is_too_large) {
        return cli_fail(t->dev->cli, CLI_REFUSED,
                        "the device says that %s has %u bytes; this tool takes files up to 256 MiB",
                        f->config.name, (unsigned)f->size);
    }
    if (f->result == DFU_ERR_RANGE) {
        return cli_fail(t->dev->cli, CLI_INTERNAL, "out of memory");
    }
    dfu_reason_file(why, &t->dev->session, f, what);
    return cli_fail(t->dev->cli, f->result == DFU_ERR_TIMEOUT ? silent : CLI_REFUSED, "%s", why);
}

static int fail_interrupted(const struct transfer *t)
{
    const struct dfu_file *f = &t->engine;
    bool is_upload = f->config.source.read != NULL;

    if (f->done == 0) {
        return cli_fail(t->dev->cli, 128 + interrupt_came(),
                        "interrupted before the device %s anything; give the same command again",
                        is_upload ? "took" : "gave");
    }
    return cli_fail(t->dev->cli, 128 + interrupt_came(),
                    "interrupted: %s %u of %u bytes, %u %%; the same command goes on from there",
                    is_upload ? "the device has" : "here are", (unsigned)f->done, (unsigned)f->size,
                    (unsigned)((uint64_t)f->done * 100 / f->size));
}

static int outcome(struct transfer *t, const char *what)
{
    switch (t->engine.result) {
    case 0: return CLI_DONE;
    case DFU_CLIENT_RUNNING: return fail_interrupted(t);
    default: return fail(t, what);
    }
}

/* Runs the prepared transfer. Exit codes. */
static int run(struct transfer *t, struct dfu_file_config *config, const char *what)
{
    const struct dfu_job job = dfu_job_of_file(&t->engine);
    struct device *dev = t->dev;
    struct dfu_client_params params;
    uint64_t start_ms = dfu_link_now_ms();
    int code = device_params(dev, &params);

    if (code) {
        return code;
    }
    config->frame_cap = dfu_link_request_max(&dev->session.link, params.buf_size);
    config->frame_cap =
        config->frame_cap < DFU_LINK_PACKET_MAX ? config->frame_cap : DFU_LINK_PACKET_MAX;
    config->frame = malloc(config->frame_cap + 1);
    if (!config->frame) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    config->version = dev->session.version;
    config->seq = dev->session.seq;
    config->answer_ms = dev->session.link.answer_ms;
    config->latency_ms = dev->cli->latency_ms;
    config->silence_ms = dev->cli->timeout_ms;
    config->window_max = params.buf_count > 0 ? params.buf_count - 1 : 1;
    dfu_file_start(&t->engine, config);
    device_run(dev, &job, show, t);
    if (t->is_shown) {
        progress_end(&t->progress);
    }
    dev->session.version = t->engine.config.version;
    dev->session.seq = t->engine.config.seq;
    t->took_ms = dfu_link_now_ms() - start_ms;
    code = outcome(t, what);
    free(config->frame);
    return code;
}

static bool sha256(const uint8_t *data, size_t len, uint8_t out[32])
{
    struct dfu_hash h = { .alg = &dfu_sha256_openssl };
    int err = h.alg->start(&h);

    if (!err) {
        err = h.alg->update(&h, data, len);
        err = h.alg->finish(&h, out) || err;
    }
    return !err;
}

enum same { SAME, DIFFERENT, NOT_TOLD };

/* Whether the first size bytes of the device's file are these, by its own sha256 or else crc32. The
 * exit code is not 0 only where the device did not answer. */
static int ask_same(struct transfer *t, const char *name, const uint8_t *data, uint32_t size,
                    enum same *out)
{
    static const char *const types[] = { "sha256", "crc32", NULL };
    struct dfu_client_file_hash found;
    uint8_t mine[32];

    *out = NOT_TOLD;
    for (size_t i = 0; size > 0 && types[i]; i++) {
        struct dfu_call call = device_call(t->dev);
        int len =
            dfu_client_file_hash(&call, name, types[i], 0, size, t->dev->out, sizeof(t->dev->out));
        int code = device_try(t->dev, &call, len, DEVICE_SLOW, "hash the file");
        bool is_same;

        if (code == CLI_REFUSED) {
            continue;
        }
        if (code) {
            return code;
        }
        if (dfu_client_file_hash_read(&t->dev->answer, &found) || !sha256(data, size, mine)) {
            return device_fail_broken(t->dev, "hash the file");
        }
        is_same = found.is_number ? found.number == dfu_crc32(0, data, size)
                                  : found.hash.len == 32 && !memcmp(found.hash.data, mine, 32);
        *out = is_same && found.len == size ? SAME : DIFFERENT;
        t->checked = types[i];
        break;
    }
    return CLI_DONE;
}

/* The file's size on the device; false if there is none, or the device does not tell. */
static bool ask_size(struct transfer *t, const char *name, uint32_t *size, int *code)
{
    struct dfu_call call = device_call(t->dev);
    int len = dfu_client_file_status(&call, name, t->dev->out, sizeof(t->dev->out));

    *code = device_try(t->dev, &call, len, DEVICE_QUICK, "tell the file's size");
    if (*code == CLI_REFUSED) {
        *code = CLI_DONE;
        return false;
    }
    return !*code && !dfu_client_file_size_read(&t->dev->answer, size);
}

/* Devices without hashes are believed. The whole file is hashed: it may be longer than this one. */
static int compare(struct transfer *t, const char *name)
{
    uint32_t size = t->engine.size, there = size;
    enum same same = NOT_TOLD;
    int code;

    if (ask_size(t, name, &there, &code) && there != size) {
        same = DIFFERENT;
    }
    if (!code && same != DIFFERENT) {
        code = ask_same(t, name, t->data, size, &same);
    }
    if (!code && same == DIFFERENT) {
        return cli_fail(t->dev->cli, CLI_REFUSED,
                        "the device's %s of %s is another one: the two copies differ; transfer it "
                        "again",
                        there != size ? "size" : t->checked, name);
    }
    t->checked = same == SAME ? t->checked : NULL;
    return code;
}

static int report(struct transfer *t, const char *verb)
{
    uint32_t from = t->engine.config.from, moved = t->engine.size - from;
    double speed = (double)moved * 1000.0 / (double)(t->took_ms ? t->took_ms : 1);
    char text[24], rest[48] = "";

    if (t->dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "bytes", t->engine.size);
        cJSON_AddNumberToObject(json, "resumed_at", from);
        cJSON_AddNumberToObject(json, "window", t->engine.flight.window_peak);
        cJSON_AddNumberToObject(json, "seconds", (double)t->took_ms / 1000.0);
        cJSON_AddNumberToObject(json, "bytes_per_second", speed);
        if (t->checked) {
            cJSON_AddStringToObject(json, "checked", t->checked);
        } else {
            cJSON_AddNullToObject(json, "checked");
        }
        return cli_json_print(t->dev->cli, json);
    }
    if (from > 0) {
        snprintf(rest, sizeof(rest), " the last %u of", (unsigned)moved);
    }
    printf("%s%s %u bytes in %.1f s (%s/s)%s%s%s\n", verb, rest, (unsigned)t->engine.size,
           (double)t->took_ms / 1000.0, progress_bytes((uint64_t)speed, text, sizeof(text)),
           t->checked ? ", the device's " : "", t->checked ? t->checked : "",
           t->checked ? " agrees" : "");
    return CLI_DONE;
}

/* A transfer that broke off left the beginning of this very file, by the device's own hash. */
static int find_begun(struct transfer *t, const char *name, size_t len, uint32_t *from)
{
    uint32_t there = 0;
    enum same same = NOT_TOLD;
    int code;

    if (ask_size(t, name, &there, &code) && there > 0 && there < len) {
        code = ask_same(t, name, t->data, there, &same);
    }
    *from = same == SAME ? there : 0;
    t->checked = NULL;
    return code;
}

/* A server of ours closes a file with its last byte; one that took it up after a restart does not
 * know which that is. Also: who still has the file open from before would go on with the size it
 * had then. */
static int let_go(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_file_close(&call, dev->out, sizeof(dev->out));
    int code = device_try(dev, &call, len, DEVICE_QUICK, "close its file");

    return code == CLI_REFUSED ? CLI_DONE : code; /* older ones do not have it */
}

int fs_upload(struct device *dev, const char *path, const char *name, bool check)
{
    struct transfer t = { .dev = dev, .what = "upload" };
    struct dfu_file_config config = { .name = name };
    size_t len = 0;
    int code = cli_read_file(dev->cli, path, FILE_MAX, &t.data, &len);

    if (!code) {
        t.span = (struct dfu_memory_span){ t.data, (uint32_t)len };
        config.source = dfu_memory_reader(&t.span);
        code = find_begun(&t, name, len, &config.from);
    }
    code = code ? code : run(&t, &config, "take the file");
    if (!code && (config.from > 0 || t.engine.rewinds > 0)) {
        code = let_go(dev);
    }
    if (!code && check) {
        code = compare(&t, name);
    }
    if (!code) {
        code = report(&t, "uploaded");
    }
    free(t.data);
    return code;
}

/* What an earlier download left in FILE.part, if the device's file still begins with it. */
static int find_part(struct transfer *t, const char *name, struct dfu_file_config *config)
{
    FILE *part = fopen(t->part_path, "rb");
    uint32_t size = 0;
    enum same same = NOT_TOLD;
    size_t have = 0;
    int code = CLI_DONE;

    if (part && ask_size(t, name, &size, &code) && take_room(t, size)) {
        have = fread(t->data, 1, size, part);
        code = have > 0 ? ask_same(t, name, t->data, (uint32_t)have, &same) : CLI_DONE;
    }
    if (part) {
        fclose(part);
    }
    if (same == SAME) {
        config->from = (uint32_t)have;
        config->size = size;
    } else {
        free(t->data); /* as large as the size told then */
        t->data = NULL;
    }
    t->checked = NULL;
    return code;
}

static int open_part(struct transfer *t, const char *name, const char *path,
                     struct dfu_file_config *config)
{
    size_t len = strlen(path) + sizeof(".part");
    int code;

    t->part_path = malloc(len);
    if (!t->part_path) {
        return cli_fail(t->dev->cli, CLI_INTERNAL, "out of memory");
    }
    snprintf(t->part_path, len, "%s.part", path);
    code = find_part(t, name, config);
    if (!code) {
        t->part = fopen(t->part_path, config->from > 0 ? "ab" : "wb"); /* without it, too */
    }
    return code;
}

/* Nothing is left of an empty one, nor of one that is whole. */
static void close_part(struct transfer *t, bool is_whole)
{
    if (t->part) {
        fclose(t->part);
    }
    if (t->part_path && (is_whole || t->engine.done == 0)) {
        (void)remove(t->part_path);
    }
    free(t->part_path);
}

int fs_download(struct device *dev, const char *name, const char *path, bool check)
{
    struct transfer t = { .dev = dev, .what = "download" };
    struct dfu_file_config config = { .name = name, .sink = keep, .sink_ctx = &t };
    int code = cli_check_place(dev->cli, path);
    bool is_whole;

    if (!code && name) {
        code = let_go(dev);
    }
    if (!code && name) {
        code = open_part(&t, name, path, &config);
    }
    code = code ? code : run(&t, &config, name ? "give the file" : "give a core dump");
    is_whole = !code;
    if (!code && name && check) {
        code = compare(&t, name);
    }
    if (!code) {
        code = cli_write_file(dev->cli, path, CLI_FILE_PLAIN, t.data ? (char *)t.data : "",
                              t.engine.size);
    }
    close_part(&t, is_whole);
    if (!code) {
        code = report(&t, "downloaded");
    }
    free(t.data);
    return code;
}
