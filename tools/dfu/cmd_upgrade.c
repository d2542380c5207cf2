/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu upgrade: the whole story with one command. The steps are the library's; here is what a
 * user reads of them. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "progress.h"

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
    struct dfu_upgrade engine;
    struct device *dev;
    struct progress progress;
    enum dfu_upgrade_step shown;
    bool is_sending_shown;
    uint64_t start_ms;
};

static size_t upgrade_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    return dfu_upgrade_next(&((struct upgrade *)ctx)->engine, now_ms, frame, cap);
}

static void upgrade_answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    dfu_upgrade_answer(&((struct upgrade *)ctx)->engine, now_ms, frame, len);
}

static uint64_t upgrade_deadline(void *ctx)
{
    return dfu_upgrade_deadline(&((struct upgrade *)ctx)->engine);
}

static bool upgrade_is_over(void *ctx)
{
    return ((struct upgrade *)ctx)->engine.step == DFU_UPGRADE_OVER;
}

static void upgrade_link_back(void *ctx, uint64_t now_ms)
{
    dfu_upgrade_link_back(&((struct upgrade *)ctx)->engine, now_ms);
}

static bool upgrade_wants_reconnect(void *ctx)
{
    struct upgrade *u = ctx;
    bool wants = u->engine.wants_reconnect;

    u->engine.wants_reconnect = false;
    return wants;
}

static void say(const struct upgrade *u, const char *text)
{
    if (!u->dev->cli->quiet) {
        fprintf(stderr, "%s\n", text);
    }
}

/* Also where the upload was over before anybody looked. */
static void show_upload(struct upgrade *u, uint64_t now_ms)
{
    const struct dfu_upgrade *g = &u->engine;
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
    const struct dfu_upload *upload = &u->engine.upload;
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
    enum dfu_upgrade_step step = u->engine.step;

    if (u->shown != step && u->shown <= DFU_UPGRADE_UPLOAD && step > DFU_UPGRADE_UPLOAD) {
        if (u->engine.upload.result == 0 && u->engine.upload.sent > 0) {
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

static const char *outcome_word(enum dfu_upgrade_outcome outcome)
{
    static const char *const words[] = {
        [DFU_UPGRADE_UNFINISHED] = "unfinished",
        [DFU_UPGRADE_CONFIRMED] = "confirmed",
        [DFU_UPGRADE_ALREADY_RUNNING] = "already running",
        [DFU_UPGRADE_ON_TEST] = "on test",
        [DFU_UPGRADE_STAGED] = "staged",
        [DFU_UPGRADE_REVERTED] = "reverted",
        [DFU_UPGRADE_NOT_RESTARTED] = "not restarted",
        [DFU_UPGRADE_GONE] = "gone",
        [DFU_UPGRADE_TOO_LARGE] = "too large",
        [DFU_UPGRADE_NO_SUCH_IMAGE] = "no such image",
        [DFU_UPGRADE_FAILED] = "failed",
    };

    return words[outcome];
}

static int show_done(struct upgrade *u, const char *sentence)
{
    struct cli *cli = u->dev->cli;
    const struct dfu_upgrade *g = &u->engine;
    double seconds = (double)(dfu_link_now_ms() - u->start_ms) / 1000.0;
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];

    dfu_image_version_text(&g->config.firmware.header.version, version);
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "outcome", outcome_word(g->outcome));
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

static int show_reverted(struct upgrade *u)
{
    return cli_fail(u->dev->cli, CLI_REVERTED,
                    "the device came back with its old image %s: the new one was refused by the "
                    "bootloader, or started and did not hold; see the device's console, correct "
                    "the firmware and try again",
                    u->engine.after.version[0] ? u->engine.after.version : "");
}

static const char *deed_of(enum dfu_upgrade_step step)
{
    switch (step) {
    case DFU_UPGRADE_PARAMS:
    case DFU_UPGRADE_BOOTINFO:
    case DFU_UPGRADE_SLOTS: return "describe itself";
    case DFU_UPGRADE_STATE: return "list its images";
    case DFU_UPGRADE_TEST: return "test the image";
    case DFU_UPGRADE_RESET: return "reset";
    case DFU_UPGRADE_CONFIRM: return "confirm the image";
    default: return "take the image";
    }
}

static int show_failed(struct upgrade *u)
{
    const struct dfu_upgrade *g = &u->engine;

    if (g->failed_in == DFU_UPGRADE_UPLOAD) {
        return device_fail_upload(u->dev, &g->upload);
    }
    switch (g->err) {
    case DFU_ERR_PERM: return device_fail_refused(u->dev, &g->refusal, deed_of(g->failed_in));
    case DFU_ERR_TIMEOUT: return device_fail_silent(u->dev, deed_of(g->failed_in));
    case DFU_ERR_STATE:
        return cli_fail(u->dev->cli, CLI_REFUSED,
                        "the device took the confirmation, yet lists the image as unconfirmed and "
                        "will go back to the old one; look at its own log");
    default: return device_fail_broken(u->dev, deed_of(g->failed_in));
    }
}

static int show_outcome(struct upgrade *u)
{
    struct cli *cli = u->dev->cli;
    const struct dfu_upgrade *g = &u->engine;

    switch (g->outcome) {
    case DFU_UPGRADE_CONFIRMED: return show_done(u, "runs and is confirmed");
    case DFU_UPGRADE_ALREADY_RUNNING: return show_done(u, "is running already; nothing was sent");
    case DFU_UPGRADE_ON_TEST:
        return show_done(u, "runs on test; confirm it with dfu image confirm, or the next reset "
                            "goes back");
    case DFU_UPGRADE_STAGED: return show_done(u, "is in place; the next reset starts it");
    case DFU_UPGRADE_REVERTED: return show_reverted(u);
    case DFU_UPGRADE_TOO_LARGE:
        return cli_fail(cli, CLI_REFUSED,
                        "the image of %u bytes does not fit the device, whose bootloader takes "
                        "%u at most; make it smaller",
                        (unsigned)g->config.firmware.size, (unsigned)g->limit);
    case DFU_UPGRADE_NO_SUCH_IMAGE: return device_fail_no_image(u->dev, g->config.image_number);
    case DFU_UPGRADE_NOT_RESTARTED:
        return cli_fail(cli, CLI_NO_ANSWER,
                        "the device still runs its old image and did not restart in time; reset it "
                        "by hand, the new image is in place");
    case DFU_UPGRADE_GONE:
        return cli_fail(cli, CLI_NO_ANSWER,
                        "the device did not come back in time after the reset; look at its "
                        "console, or wait longer with --boot-time");
    default: return show_failed(u);
    }
}

static int carry_out(struct device *dev, const struct device_file *file,
                     struct dfu_upgrade_config *config)
{
    struct upgrade u = { .dev = dev, .start_ms = dfu_link_now_ms() };
    const struct device_job job = {
        &u,
        upgrade_next,
        upgrade_answer,
        upgrade_deadline,
        upgrade_is_over,
        upgrade_link_back,
        upgrade_wants_reconnect,
        upgrade_show,
    };

    config->file = file->reader;
    config->firmware = file->firmware;
    config->link_max = dev->link.mtu;
    config->answer_ms = dev->link.answer_ms;
    config->silence_ms = dev->cli->timeout_ms;
    config->latency_ms = dev->cli->latency_ms;
    config->erase_ms = dev->cli->timeout_ms;
    config->sha256 = cli_has(dev->cli, OPT_NO_DIFF) ? NULL : &dfu_sha256_openssl;
    config->test_only = cli_has(dev->cli, OPT_TEST_ONLY);
    config->permanent = cli_has(dev->cli, OPT_PERMANENT);
    config->no_reset = cli_has(dev->cli, OPT_NO_RESET);
    config->upgrade_only = cli_has(dev->cli, OPT_UPGRADE_ONLY);
    progress_start(&u.progress, dev->cli, "upload", file->firmware.size);
    dfu_upgrade_start(&u.engine, config);
    device_run(dev, &job);
    progress_end(&u.progress);
    return show_outcome(&u);
}

static int upgrade_run(struct cli *cli)
{
    struct dfu_upgrade_config config = { 0 };
    struct device_file file;
    struct device *dev;
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
    config.image_number = (uint32_t)image;
    config.boot_ms = (uint32_t)boot_s * 1000u;
    code = device_file_read(cli, cli_arg(cli, 0), &file);
    dev = code ? NULL : device_open(cli, &code);
    if (dev) {
        code = carry_out(dev, &file, &config);
        device_close(dev);
    }
    device_file_release(&file);
    return code;
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
    { 0 },
};

static const char *const upgrade_examples[] = {
    "# Upload, try, and keep it if it comes up",
    "dfu -d udp:192.0.2.1 upgrade app.signed.bin",
    "# Let the application confirm itself",
    "dfu -d serial:/dev/ttyACM0 upgrade --test-only app.signed.bin",
    NULL,
};

const struct cli_command cmd_upgrade = {
    .name = "upgrade",
    .args = "FILE",
    .summary = "Update a device: upload, test, reset, wait, compare, confirm",
    .details =
        "FILE is a binary or Intel HEX (.hex). Checks first that it is whole, fits and is not\n"
        "running already. May be run again at any time: it goes on where it stopped. Exit\n"
        "code 5: the device came back with its old image.",
    .options = upgrade_options,
    .examples = upgrade_examples,
    .needs_target = true,
    .run = upgrade_run,
};
