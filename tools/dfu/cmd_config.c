/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* config fwinfo, upload, reboot: the host's side of nRF Desktop's configuration channel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "config_link.h"
#include "dfu/config_host.h"
#include "dfu/err.h"
#include "device.h"
#include "progress.h"

#define TIMEOUT_MS 5000u

enum { OPT_WAIT = 'w', OPT_REBOOT = 'R' };

struct session {
    struct cli *cli;
    struct dfu_config_link link;
    struct dfu_config_host host;
    const struct device_file *file; /* to upload; or NULL */
    struct progress *progress;      /* of an upload; or NULL */
};

/* ---- Sentences ---- */

static int fail_other(const struct session *s)
{
    return cli_fail(s->cli, CLI_REFUSED,
                    "busy: another transport (SMP or USB) owns the update of this device; try "
                    "again 5 s after its last packet%s",
                    s->progress ? ", or wait for that with --wait" : "");
}

static int fail_refused(const struct session *s, const char *what)
{
    const struct dfu_config_host *host = &s->host;
    const char *target = s->cli->target;

    switch (host->refusal) {
    case DFU_CONFIG_HOST_OTHER: return fail_other(s);
    case DFU_CONFIG_HOST_NO_MODULE:
        return cli_fail(s->cli, CLI_REFUSED,
                        "%s has a configuration channel but no module dfu in it; update it over "
                        "another transport",
                        target);
    case DFU_CONFIG_HOST_ACTIVE:
        return cli_fail(s->cli, CLI_REFUSED,
                        "busy: another host is updating this device over its configuration "
                        "channel; try again 5 s after its last report");
    case DFU_CONFIG_HOST_IGNORED:
        return cli_fail(s->cli, CLI_REFUSED,
                        "the device does not begin this update: the image does not fit its slot, "
                        "or its running image is not confirmed yet (see dfu image list and image "
                        "confirm)");
    case DFU_CONFIG_HOST_LOST:
        return cli_fail(s->cli, CLI_REFUSED,
                        "another transport took the update over after %u of %u bytes; the device "
                        "has forgotten them, so start again once it is done",
                        host->stored, host->len);
    case DFU_CONFIG_HOST_INTERRUPTED:
        return cli_fail(s->cli, CLI_REFUSED,
                        "the device ended the update after %u of %u bytes; run the same command "
                        "again to go on from there",
                        host->stored, host->len);
    case DFU_CONFIG_HOST_DISCARDED:
        return cli_fail(s->cli, CLI_REFUSED,
                        "the device took all bytes but discarded them: their checksum was wrong "
                        "or its flash failed; run the same command again");
    case DFU_CONFIG_HOST_MISMATCH:
        return cli_fail(s->cli, CLI_REFUSED,
                        "the device tells of another update than this one; make sure that no "
                        "other host uses it, then run the same command again");
    case DFU_CONFIG_HOST_STALLED:
        return cli_fail(s->cli, CLI_NO_ANSWER,
                        "%s takes no request to %s: its application does not run; see its console",
                        target, what);
    case DFU_CONFIG_HOST_NOT_REFUSED:
    case DFU_CONFIG_HOST_REJECTED: break;
    }
    return cli_fail(s->cli, CLI_REFUSED,
                    "the device refused to %s; its firmware may be too old for that", what);
}

/* An upload can go on. */
static const char *advice(const struct session *s)
{
    return s->progress ? "; run the same command again to go on from there"
                       : "; check that it runs";
}

static int job_failed(const struct session *s, const char *what)
{
    const struct dfu_config_host *host = &s->host;
    char how_far[64] = "";

    if (s->progress) {
        snprintf(how_far, sizeof how_far, " after %u of %u bytes", host->stored, host->len);
    }
    switch (host->err) {
    case DFU_ERR_STATE: return fail_refused(s, what);
    case DFU_ERR_TIMEOUT:
        return cli_fail(s->cli, CLI_NO_ANSWER, "%s did not answer in time when asked to %s%s%s",
                        s->cli->target, what, how_far, advice(s));
    case DFU_ERR_FORMAT:
        return cli_fail(s->cli, CLI_REFUSED,
                        "%s answered with something that is no configuration channel when asked "
                        "to %s; check that the target is the right one",
                        s->cli->target, what);
    default:
        return cli_fail(s->cli, CLI_NO_DEVICE, "lost the connection to %s%s when it was to %s%s",
                        s->cli->target, how_far, what, advice(s));
    }
}

/* ---- Running a job ---- */

static void sleep_ms(uint32_t ms)
{
    const struct timespec pause = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000L };

    nanosleep(&pause, NULL);
}

static void trace(const struct session *s, char direction, const uint8_t *report)
{
    char text[2 * DFU_CONFIG_REPORT_SIZE + 1];

    if (s->cli->verbose >= 2) {
        fprintf(stderr, "%c %s\n", direction, cli_hex(report, DFU_CONFIG_REPORT_SIZE, text));
    }
}

static int run_host(struct session *s, const char *what)
{
    struct dfu_config_host *host = &s->host;
    uint8_t report[DFU_CONFIG_REPORT_SIZE] = { 0 };
    int result;

    for (;;) {
        if (s->progress) {
            progress_show(s->progress, dfu_link_now_ms(), host->stored);
        }
        switch (host->order) {
        case DFU_CONFIG_HOST_SET:
            trace(s, '>', host->report);
            dfu_config_host_answer(host, dfu_config_link_set(&s->link, host->report), NULL);
            break;
        case DFU_CONFIG_HOST_GET:
            result = dfu_config_link_get(&s->link, report);
            trace(s, '<', report);
            dfu_config_host_answer(host, result, report);
            break;
        case DFU_CONFIG_HOST_WAIT:
            sleep_ms(host->wait_ms);
            dfu_config_host_answer(host, 0, NULL);
            break;
        case DFU_CONFIG_HOST_DONE: return CLI_DONE;
        case DFU_CONFIG_HOST_FAILED: return job_failed(s, what);
        }
    }
}

/* Connect, find the module and what it tells, run, close. */
static int with_session(struct cli *cli, const struct device_file *file,
                        int (*run)(struct session *s))
{
    struct session s = { .cli = cli, .file = file };
    char why[DFU_LINK_WHY_LEN] = "";
    int err = dfu_config_link_open(&s.link, cli->target,
                                   cli->timeout_ms ? cli->timeout_ms : TIMEOUT_MS, why);

    if (err) {
        return cli_fail(cli, err == DFU_ERR_INVAL ? CLI_USAGE : CLI_NO_DEVICE, "%s", why);
    }
    dfu_config_host_info(&s.host);
    err = run_host(&s, "tell about itself");
    err = err ? err : run(&s);
    dfu_config_link_close(&s.link);
    return err;
}

/* ---- fwinfo ---- */

static const char *state_text(enum dfu_config_dfu_state state)
{
    static const char *const texts[] = {
        [DFU_CONFIG_DFU_INACTIVE] = "none",
        [DFU_CONFIG_DFU_ACTIVE] = "over this channel",
        [DFU_CONFIG_DFU_STORING] = "over this channel, storing",
        [DFU_CONFIG_DFU_CLEANING] = "over this channel, erasing",
        [DFU_CONFIG_DFU_ACTIVE_OTHER] = "over another transport",
    };

    return texts[state];
}

static cJSON *info_json(const struct dfu_config_host *host)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *update;
    char hwid[2 * DFU_CONFIG_HWID_SIZE + 1];
    char version[DFU_IMAGE_VERSION_STRLEN];

    cJSON_AddStringToObject(json, "board", host->board);
    cJSON_AddStringToObject(json, "hwid", cli_hex(host->hwid, sizeof host->hwid, hwid));
    cJSON_AddStringToObject(json, "bootloader", host->variant);
    cJSON_AddNumberToObject(json, "vendor", host->vendor);
    cJSON_AddNumberToObject(json, "product", host->product);
    cJSON_AddStringToObject(json, "generation", host->generation);
    if (host->has_firmware) {
        cJSON_AddNumberToObject(json, "slot", host->slot);
        cJSON_AddNumberToObject(json, "size", host->image_size);
        cJSON_AddStringToObject(json, "version", dfu_image_version_text(&host->version, version));
    }
    update = cJSON_AddObjectToObject(json, "update");
    cJSON_AddStringToObject(update, "active", state_text(host->sync.state));
    cJSON_AddNumberToObject(update, "stored", host->sync.offset);
    cJSON_AddNumberToObject(update, "bytes", host->sync.length);
    return json;
}

static int show_info(struct session *s)
{
    const struct dfu_config_host *host = &s->host;
    char hwid[2 * DFU_CONFIG_HWID_SIZE + 1];
    char version[DFU_IMAGE_VERSION_STRLEN];

    if (s->cli->json) {
        return cli_json_print(s->cli, info_json(host));
    }
    printf("board       %s (%04x:%04x %s)\n", host->board, host->vendor, host->product,
           host->generation);
    printf("hardware    %s\n", cli_hex(host->hwid, sizeof host->hwid, hwid));
    printf("bootloader  %s\n", host->variant);
    if (host->has_firmware) {
        printf("firmware    %s, %u bytes in slot %u\n",
               dfu_image_version_text(&host->version, version), host->image_size, host->slot);
    } else {
        printf("firmware    unknown\n");
    }
    printf("update      %s", state_text(host->sync.state));
    if (host->sync.length > 0) {
        printf(", %u of %u bytes stored", host->sync.offset, host->sync.length);
    }
    printf("\n");
    return CLI_DONE;
}

static int fwinfo_run(struct cli *cli)
{
    return with_session(cli, NULL, show_info);
}

/* ---- reboot ---- */

static int reboot(struct session *s)
{
    dfu_config_host_reboot(&s->host);
    return run_host(s, "restart");
}

static int show_reboot(struct session *s)
{
    int err = reboot(s);
    cJSON *json;

    if (err || !s->cli->json) {
        return err;
    }
    json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "restarts", true);
    return cli_json_print(s->cli, json);
}

static int reboot_run(struct cli *cli)
{
    return with_session(cli, NULL, show_reboot);
}

/* ---- upload ---- */

static int show_upload(struct session *s, bool restarts)
{
    const struct dfu_config_host *host = &s->host;

    if (s->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "bytes", host->len);
        cJSON_AddNumberToObject(json, "resumed_at", host->resumed_at);
        cJSON_AddBoolToObject(json, "restarts", restarts);
        return cli_json_print(s->cli, json);
    }
    if (s->cli->quiet) {
        return CLI_DONE;
    }
    if (host->was_there) {
        printf("the device holds this image already\n");
    } else if (host->resumed_at > 0) {
        printf("uploaded the last %u of %u bytes, the rest was there\n",
               host->len - host->resumed_at, host->len);
    } else {
        printf("uploaded %u bytes\n", host->len);
    }
    printf(restarts ? "the device restarts and tries it\n"
                    : "the device tries it at its next start; dfu config reboot starts it\n");
    return CLI_DONE;
}

static int upload(struct session *s)
{
    bool restarts = cli_has(s->cli, OPT_REBOOT);
    struct progress progress;
    int err;

    progress_start(&progress, s->cli, "upload", s->file->firmware.size);
    s->progress = &progress;
    dfu_config_host_upload(&s->host, s->file->data, s->file->firmware.size,
                           cli_has(s->cli, OPT_WAIT));
    err = run_host(s, "take the image");
    progress_end(&progress);
    s->progress = NULL;
    if (!err && restarts) {
        err = reboot(s);
    }
    return err ? err : show_upload(s, restarts);
}

static int upload_run(struct cli *cli)
{
    struct device_file file;
    int err = device_file_read(cli, cli_arg(cli, 0), &file);

    err = err ? err : with_session(cli, &file, upload);
    device_file_release(&file);
    return err;
}

/* ---- Tables ---- */

static const char where[] =
    "The target is config:HOST[:PORT], port 1338 unless told: the configuration channel that\n"
    "'dfu sim --config-channel' serves over TCP. A HID device of this computer is not reached yet.";

static const char *const fwinfo_examples[] = {
    "# Board, firmware, and who updates it just now",
    "dfu -d config:localhost config fwinfo",
    NULL,
};

const struct cli_command cmd_config_fwinfo = {
    .name = "config fwinfo",
    .summary = "Show board and firmware of a device with a configuration channel",
    .details = where,
    .examples = fwinfo_examples,
    .needs_target = true,
    .target_form = "config:HOST[:PORT]",
    .run = fwinfo_run,
};

static const struct cli_option upload_options[] = {
    { "wait", OPT_WAIT, NULL, 0, "wait while another transport updates the device", NULL,
      OPT_WAIT },
    { "reboot", OPT_REBOOT, NULL, 0, "afterwards restart the device, into the new image", NULL,
      OPT_REBOOT },
    { 0 },
};

static const char *const upload_examples[] = {
    "# Store an image beside the running one, then restart into it",
    "dfu -d config:localhost config upload -R app.signed.bin",
    NULL,
};

const struct cli_command cmd_config_upload = {
    .name = "config upload",
    .args = "FILE",
    .summary = "Write a signed image over the configuration channel",
    .details =
        "A transfer that broke off is taken up where it stopped: run the command again. The device\n"
        "forgets it when it restarts, and when another transport updates it meanwhile.\n"
        "\n"
        "The target is config:HOST[:PORT], port 1338 unless told: the configuration channel that\n"
        "'dfu sim --config-channel' serves over TCP. A HID device of this computer is not reached\n"
        "yet.",
    .options = upload_options,
    .examples = upload_examples,
    .needs_target = true,
    .target_form = "config:HOST[:PORT]",
    .run = upload_run,
};

static const char *const reboot_examples[] = {
    "# Restart, and try what was uploaded",
    "dfu -d config:localhost config reboot",
    NULL,
};

const struct cli_command cmd_config_reboot = {
    .name = "config reboot",
    .summary = "Restart a device over its configuration channel",
    .details = where,
    .examples = reboot_examples,
    .needs_target = true,
    .target_form = "config:HOST[:PORT]",
    .run = reboot_run,
};
