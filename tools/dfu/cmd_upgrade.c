/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu upgrade: the whole story with one command. The steps are the library's; here is what a
 * user reads of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/openssl.h"
#include "fleet_upgrade.h"
#include "package.h"
#include "progress.h"
#include "upgrade_text.h"

enum {
    OPT_IMAGE = 1,
    OPT_UPGRADE_ONLY,
    OPT_TEST_ONLY,
    OPT_PERMANENT,
    OPT_NO_RESET,
    OPT_BOOT,
    OPT_NO_DIFF
};

struct upgrade {
    const struct dfu_upgrade *engine;
    struct device *dev;
    struct progress progress;
    enum dfu_upgrade_step shown;
    bool is_sending_shown;
    uint64_t start_ms;
};

static void say(const struct upgrade *u, const char *text)
{
    if (!u->dev->cli->quiet) {
        fprintf(stderr, "%s\n", text);
    }
}

/* Also where the upload was over before anybody looked. */
static void show_upload(struct upgrade *u, uint64_t now_ms)
{
    const struct dfu_upgrade *g = u->engine;
    char line[128];

    if (!u->is_sending_shown) {
        snprintf(line, sizeof(line), "running %s, sending %u bytes",
                 g->before.version[0] ? g->before.version : "unknown",
                 (unsigned)g->config.firmware.size);
        say(u, line);
        u->is_sending_shown = true;
    }
    progress_show(&u->progress, now_ms, g->upload.acked);
}

static void say_what_was_there(const struct upgrade *u)
{
    const struct dfu_upload *upload = &u->engine->upload;
    char line[128];

    if (upload->kept + upload->copied > 0) {
        snprintf(line, sizeof(line), "sent %u bytes; %u were in the slot, %u in the running one",
                 (unsigned)upload->data_bytes, (unsigned)upload->kept, (unsigned)upload->copied);
        say(u, line);
    }
}

/* One line for each step that takes time. */
static void upgrade_show(void *ctx, uint64_t now_ms)
{
    struct upgrade *u = ctx;
    enum dfu_upgrade_step step = u->engine->step;

    if (u->shown != step && u->shown <= DFU_UPGRADE_UPLOAD && step > DFU_UPGRADE_UPLOAD) {
        if (u->engine->upload.result == 0 && u->engine->upload.sent > 0) {
            show_upload(u, now_ms);
        }
        progress_end(&u->progress);
        say_what_was_there(u);
    }
    if (step == DFU_UPGRADE_UPLOAD) {
        show_upload(u, now_ms);
    }
    if (step == DFU_UPGRADE_WAIT && u->shown != step) {
        say(u, "reset; waiting for the device to come back");
    }
    u->shown = step;
}

static int show_done(struct upgrade *u, const char *sentence)
{
    struct cli *cli = u->dev->cli;
    const struct dfu_upgrade *g = u->engine;
    double seconds = (double)(dfu_link_now_ms() - u->start_ms) / 1000.0;
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];

    dfu_image_version_text(&g->config.firmware.header.version, version);
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "outcome", upgrade_outcome_word(g->outcome));
        cJSON_AddStringToObject(json, "version", version);
        cJSON_AddStringToObject(
            json, "hash",
            device_hash_text(g->config.firmware.hash, g->config.firmware.hash_len, hash));
        cJSON_AddStringToObject(json, "version_before", g->before.version);
        cJSON_AddNumberToObject(json, "bytes", g->config.firmware.size);
        cJSON_AddNumberToObject(json, "resumed_at", g->upload.resumed_at);
        cJSON_AddNumberToObject(json, "kept", g->upload.kept);
        cJSON_AddNumberToObject(json, "copied", g->upload.copied);
        cJSON_AddNumberToObject(json, "sent", g->upload.data_bytes);
        cJSON_AddNumberToObject(json, "repeated", g->upload.repeated);
        cJSON_AddNumberToObject(json, "seconds", seconds);
        return cli_json_print(cli, json);
    }
    printf("%s %s (%.1f s)\n", version, sentence, seconds);
    return CLI_DONE;
}

/* What the options say, whatever the device and the image. */
static void fill_in(const struct cli *cli, struct dfu_upgrade_config *config)
{
    config->silence_ms = cli->timeout_ms;
    config->latency_ms = cli->latency_ms;
    config->erase_ms = cli->timeout_ms;
    config->sha256 = cli_has(cli, OPT_NO_DIFF) ? NULL : &dfu_sha256_openssl;
    config->permanent = cli_has(cli, OPT_PERMANENT);
    config->upgrade_only = cli_has(cli, OPT_UPGRADE_ONLY);
    config->test_only = cli_has(cli, OPT_TEST_ONLY);
    config->no_reset = cli_has(cli, OPT_NO_RESET);
}

static void show_next(struct upgrade *u, struct device *dev, const struct dfu_upgrade *engine,
                      uint32_t size)
{
    *u = (struct upgrade){ .dev = dev, .engine = engine, .start_ms = dfu_link_now_ms() };
    progress_start(&u->progress, dev->cli, "upload", size);
}

/* ---- One image ---- */

static int carry_out(struct device *dev, const struct device_file *file,
                     struct dfu_upgrade_config *config)
{
    struct dfu_upgrade engine;
    const struct dfu_job job = dfu_job_of_upgrade(&engine);
    const char *sentence;
    struct upgrade u;

    config->file = file->reader;
    config->firmware = file->firmware;
    device_upgrade_link(dev, config);
    show_next(&u, dev, &engine, file->firmware.size);
    dfu_upgrade_start(&engine, config);
    device_run_long(dev, &job, upgrade_show, &u);
    progress_end(&u.progress);
    sentence = upgrade_done_sentence(engine.outcome);
    return sentence ? show_done(&u, sentence) : upgrade_fail(dev, &engine);
}

/* ---- Several images, one reset ---- */

struct package_job {
    struct device *dev;
    struct package package;
    struct dfu_upgrade_part parts[PACKAGE_IMAGES_MAX];
    struct dfu_upgrade_set set;
    struct upgrade shown; /* the engine's work that is shown */
    size_t at;
    enum dfu_upgrade_set_step step;
};

/* A new engine's work begins with the next part, and with the reset. */
static void package_show(void *ctx, uint64_t now_ms)
{
    struct package_job *job = ctx;
    const struct dfu_upgrade_set *set = &job->set;
    const struct dfu_upgrade_part *part = &set->config.parts[set->at];

    if (!set->is_engine_on) {
        return;
    }
    if (job->at != set->at || job->step != set->step) {
        job->at = set->at;
        job->step = set->step;
        if (set->step == DFU_UPGRADE_SET_STAGE) {
            cli_note(job->dev->cli, "image %u:", (unsigned)part->image_number);
        }
        show_next(&job->shown, job->dev, &set->engine, part->firmware.size);
    }
    upgrade_show(&job->shown, now_ms);
}

/* What is said of each image. */
static const char *part_sentence(enum dfu_upgrade_outcome outcome)
{
    switch (outcome) {
    case DFU_UPGRADE_ALREADY_RUNNING: return "is running already";
    case DFU_UPGRADE_ON_TEST: return "runs on test; the next reset goes back";
    default: return upgrade_done_sentence(outcome);
    }
}

static int show_package(const struct package_job *job)
{
    struct cli *cli = job->dev->cli;
    const struct dfu_upgrade_set *set = &job->set;
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "images");

    cJSON_AddStringToObject(json, "outcome", upgrade_outcome_word(set->outcome));
    for (size_t i = 0; i < set->config.count; i++) {
        const struct dfu_upgrade_part *part = &job->parts[i];
        cJSON *item = upgrade_part_json(part);

        cJSON_AddStringToObject(item, "version_before", set->done[i].before.version);
        cJSON_AddNumberToObject(item, "bytes", part->firmware.size);
        cJSON_AddNumberToObject(item, "sent", set->done[i].sent);
        cJSON_AddItemToArray(list, item);
        if (!cli->json) {
            printf("image %u: %s %s\n", (unsigned)part->image_number,
                   cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "version")),
                   part_sentence(set->outcome));
        }
    }
    if (cli->json) {
        return cli_json_print(cli, json);
    }
    cJSON_Delete(json);
    return CLI_DONE;
}

static int carry_out_package(struct package_job *job, struct dfu_upgrade_config *config)
{
    struct dfu_upgrade_set_config all = { .parts = job->parts, .count = job->package.count };
    const struct dfu_job steps = dfu_job_of_upgrade_set(&job->set);

    device_upgrade_link(job->dev, config);
    all.each = *config;
    job->step = DFU_UPGRADE_SET_OVER; /* nothing is shown yet */
    if (dfu_upgrade_set_start(&job->set, &all)) {
        return cli_fail(job->dev->cli, CLI_INTERNAL, "a package of so many images");
    }
    device_run_long(job->dev, &steps, package_show, job);
    progress_end(&job->shown.progress);
    return upgrade_set_done_sentence(job->set.outcome) ? show_package(job)
                                                       : upgrade_set_fail(job->dev, &job->set);
}

static int run_package(struct cli *cli, struct dfu_upgrade_config *config)
{
    struct package_job *job = calloc(1, sizeof(*job));
    int code;

    if (!job) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    code = package_read(cli, cli_arg(cli, 0), &job->package);
    package_parts(&job->package, job->parts);
    if (!code && fleet_is_asked(cli)) {
        code = fleet_upgrade(
            cli, cli_arg(cli, 0),
            &(struct dfu_upgrade_set_config){ *config, job->parts, job->package.count });
    } else if (!code) {
        job->dev = device_open(cli, &code);
        if (job->dev) {
            code = carry_out_package(job, config);
            device_close(job->dev);
        }
    }
    package_release(&job->package);
    free(job);
    return code;
}

/* ---- The command line ---- */

static int take_options(struct cli *cli, struct dfu_upgrade_config *config)
{
    uint64_t image = 0, boot_s = 0;
    int code = cli_number(cli, OPT_IMAGE, 0, UINT32_MAX, &image);

    code = code ? code : cli_number(cli, OPT_BOOT, 1, 86400, &boot_s);
    if (code) {
        return code;
    }
    if (cli_has(cli, OPT_TEST_ONLY) && cli_has(cli, OPT_PERMANENT)) {
        return cli_fail(cli, CLI_USAGE,
                        "--test-only and --permanent contradict each other; give one of them");
    }
    if (cli_has(cli, OPT_IMAGE) && package_is(cli_arg(cli, 0))) {
        return cli_fail(cli, CLI_USAGE,
                        "a package tells the number of each of its images; leave out --image");
    }
    config->image_number = (uint32_t)image;
    config->boot_ms = (uint32_t)boot_s * 1000u;
    return CLI_DONE;
}

static int run_file(struct cli *cli, struct dfu_upgrade_config *config)
{
    struct device_file file;
    struct device *dev;
    int code = device_file_read(cli, cli_arg(cli, 0), &file);

    if (!code && fleet_is_asked(cli)) {
        const struct dfu_upgrade_part part = { file.reader, file.firmware, config->image_number };

        code = fleet_upgrade(cli, cli_arg(cli, 0),
                             &(struct dfu_upgrade_set_config){ *config, &part, 1 });
    } else if (!code) {
        dev = device_open(cli, &code);
        if (dev) {
            code = carry_out(dev, &file, config);
            device_close(dev);
        }
    }
    device_file_release(&file);
    return code;
}

static int upgrade_run(struct cli *cli)
{
    struct dfu_upgrade_config config = { 0 };
    int code = take_options(cli, &config);

    if (code) {
        return code;
    }
    fill_in(cli, &config);
    return package_is(cli_arg(cli, 0)) ? run_package(cli, &config) : run_file(cli, &config);
}

static const struct cli_option upgrade_options[] = {
    { "image", 'n', "N", 1, "the device's image number, where it has several", "0", OPT_IMAGE },
    { "test-only", 0, NULL, 0, "do not confirm: the reset after the next goes back", NULL,
      OPT_TEST_ONLY },
    { "permanent", 0, NULL, 0, "no test: keep the new image even if it is bad", NULL,
      OPT_PERMANENT },
    { "no-reset", 0, NULL, 0, "stop before the reset", NULL, OPT_NO_RESET },
    { "upgrade-only", 'u', NULL, 0, "let the device refuse a version that is not newer", NULL,
      OPT_UPGRADE_ONLY },
    { "no-diff", 0, NULL, 0, "send every byte, also those that the device has", NULL, OPT_NO_DIFF },
    { "boot-time", 0, "SECONDS", 1, "how long restart and swap may take", "300", OPT_BOOT },
    FLEET_OPTIONS,
    FLEET_RESUME_OPTION,
    { 0 },
};

static const char *const upgrade_examples[] = {
    "# Upload, try, and keep it if it comes up",
    "dfu -d udp:192.0.2.1 upgrade app.signed.bin",
    "# Let the application confirm itself",
    "dfu -d serial:/dev/ttyACM0 upgrade --test-only app.signed.bin",
    "# Both images of a device with two processors",
    "dfu -d udp:192.0.2.1 upgrade dfu_application.zip",
    "# Two devices at once; they take packages, too",
    "dfu -d udp:192.0.2.1 -d udp:192.0.2.2 upgrade app.signed.bin",
    "# All of a file; one first, no more if 2 % fail, with a log to go on from",
    "dfu upgrade --targets hall.txt --canary 1 --max-failures 2% --audit hall.log app.signed.bin",
    "# Those that were not done then",
    "dfu upgrade --targets hall.txt --audit hall.log --resume app.signed.bin",
    NULL,
};

const struct cli_command cmd_upgrade = {
    .name = "upgrade",
    .args = "FILE",
    .summary = "Update a device: upload, test, reset, wait, compare, confirm",
    .details =
        "FILE is a binary, Intel HEX (.hex), or a package (.zip) of several images with a\n"
        "manifest.json as nRF Connect SDK builds it: they are all uploaded, started by one\n"
        "reset, compared, and confirmed if all of them run. Checks first that FILE is whole,\n"
        "fits and is not running already. May be run again at any time: it goes on where it\n"
        "stopped. Exit code 5: the device came back with its old image.\n"
        "\n"
        "With --targets, or several -d before the command, many devices at once. Ctrl-C lets\n"
        "those that run finish and starts no more; once more aborts. SIGUSR1 pauses, SIGUSR2 goes\n"
        "on. Exit codes then: 0 all are done, 7 some failed, 8 more than --max-failures or a\n"
        "canary, 9 stopped before all were done.",
    .options = upgrade_options,
    .examples = upgrade_examples,
    .needs_target = true,
    .targets_option = FLEET_TARGETS,
    .run = upgrade_run,
};
