/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The OS group: is it alive, what is it, start it again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "device.h"
#include "dfu/recovery.h"

enum { OPT_FORCE = 1, OPT_RECOVERY, OPT_BOOT_MODE };

#define TEXT_MAX 2048

/* Print one text an answer holds, or {"key": text}. */
static int show_text(struct device *dev, const char *key, struct dfu_client_text text)
{
    char buf[TEXT_MAX];

    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddItemToObject(json, key, device_json_text(text));
        return cli_json_print(dev->cli, json);
    }
    printf("%s\n", device_text(text, buf, sizeof(buf)));
    return CLI_DONE;
}

static int echo(struct device *dev)
{
    const char *words = cli_arg(dev->cli, 0) ? cli_arg(dev->cli, 0) : "hello";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_echo(&call, words, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "echo");
    struct dfu_client_text text;

    if (code) {
        return code;
    }
    if (dfu_client_echo_read(&dev->answer, &text)) {
        return device_fail_broken(dev, "echo");
    }
    if (text.len != strlen(words) || memcmp(text.data, words, text.len) != 0) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "%s echoed another text than it was sent; check the link",
                        dev->cli->target);
    }
    return show_text(dev, "echo", text);
}

static int reset(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    uint64_t boot_mode = cli_has(dev->cli, OPT_RECOVERY) ? DFU_RECOVERY_BOOT_MODE : 0;
    int len, code = cli_number(dev->cli, OPT_BOOT_MODE, 0, UINT8_MAX, &boot_mode);

    if (code) {
        return code;
    }
    len = dfu_client_reset(&call, cli_has(dev->cli, OPT_FORCE), (uint8_t)boot_mode, dev->out,
                           sizeof(dev->out));
    code = device_ask(dev, &call, len, DEVICE_ONCE, "reset");
    return code ? code : device_say_done(dev, "reset", "the device resets");
}

static int params(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_params(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "tell its parameters");
    struct dfu_client_params found;

    if (code) {
        return code;
    }
    if (dfu_client_params_read(&dev->answer, &found)) {
        return device_fail_broken(dev, "tell its parameters");
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "buf_size", found.buf_size);
        cJSON_AddNumberToObject(json, "buf_count", found.buf_count);
        return cli_json_print(dev->cli, json);
    }
    printf("buf_size   %u\nbuf_count  %u\n", (unsigned)found.buf_size, (unsigned)found.buf_count);
    return CLI_DONE;
}

static int info(struct device *dev)
{
    const char *format = cli_arg(dev->cli, 0) ? cli_arg(dev->cli, 0) : "a";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_info(&call, format, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "tell what it is");
    struct dfu_client_text text;

    if (code) {
        return code;
    }
    if (dfu_client_info_read(&dev->answer, &text)) {
        return device_fail_broken(dev, "tell what it is");
    }
    return show_text(dev, "output", text);
}

static const char *mode_text(int32_t mode)
{
    static const char *const words[] = {
        "single slot",          "swap using scratch",     "overwrite", "swap using move",
        "direct-XIP",           "direct-XIP with revert", "RAM load",  "firmware loader",
        "single slot RAM load", "swap using offset",
    };

    return mode >= 0 && mode < (int32_t)(sizeof(words) / sizeof(words[0])) ? words[mode]
                                                                           : "unknown";
}

static int ask_bootinfo(struct device *dev, const char *query, struct dfu_client_bootinfo *out)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_bootinfo(&call, query, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "tell its bootloader");

    if (!code && dfu_client_bootinfo_read(&dev->answer, out)) {
        code = device_fail_broken(dev, "tell its bootloader");
    }
    return code;
}

static int bootinfo(struct device *dev)
{
    struct dfu_client_bootinfo found, mode;
    char name[64];
    int code = ask_bootinfo(dev, NULL, &found);

    if (code) {
        return code;
    }
    device_text(found.bootloader, name,
                sizeof(name)); /* it lies in the buffer of the next answer */
    code = ask_bootinfo(dev, "mode", &mode);
    if (code) {
        return code;
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "bootloader", name);
        cJSON_AddNumberToObject(json, "mode", mode.mode);
        cJSON_AddStringToObject(json, "mode_text", mode_text(mode.mode));
        cJSON_AddBoolToObject(json, "no_downgrade", mode.no_downgrade);
        return cli_json_print(dev->cli, json);
    }
    printf("bootloader  %s\nmode        %d (%s)\ndowngrade   %s\n", name, (int)mode.mode,
           mode_text(mode.mode), mode.no_downgrade ? "refused" : "allowed");
    return CLI_DONE;
}

/* Digits where a date and a time of day have them; the rest is the device's to judge. */
static bool looks_like_time(const char *text)
{
    static const char shape[] = "0000-00-00T00:00:00";

    for (size_t i = 0; shape[i]; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';

        if (is_digit != (shape[i] == '0') || text[i] == 0) {
            return false;
        }
    }
    return true;
}

static int datetime_set(struct device *dev, const char *when)
{
    struct dfu_call call = device_call(dev);
    char now_text[32];
    int len;

    if (strcmp(when, "now") == 0) {
        time_t now = time(NULL);
        struct tm local;

        localtime_r(&now, &local);
        strftime(now_text, sizeof(now_text), "%Y-%m-%dT%H:%M:%S", &local);
        when = now_text;
    } else if (!looks_like_time(when)) {
        return cli_fail(dev->cli, CLI_USAGE,
                        "%s is no time; write it like 2026-11-22T17:05:00, or now", when);
    }
    len = dfu_client_datetime_set(&call, when, dev->out, sizeof(dev->out));
    return device_ask(dev, &call, len, DEVICE_QUICK, "set its clock");
}

static int datetime(struct device *dev)
{
    int code = cli_arg(dev->cli, 0) ? datetime_set(dev, cli_arg(dev->cli, 0)) : CLI_DONE;
    struct dfu_call call = device_call(dev);
    struct dfu_client_text text;
    int len;

    if (code) {
        return code;
    }
    call.version = dev->session.version;
    len = dfu_client_datetime_get(&call, dev->out, sizeof(dev->out));
    code = device_ask(dev, &call, len, DEVICE_QUICK, "tell the time");
    if (code) {
        return code;
    }
    if (dfu_client_datetime_read(&dev->answer, &text)) {
        return device_fail_broken(dev, "tell the time");
    }
    return show_text(dev, "datetime", text);
}

static int run_echo(struct cli *cli)
{
    return device_with(cli, echo);
}

static int run_reset(struct cli *cli)
{
    return device_with(cli, reset);
}

static int run_params(struct cli *cli)
{
    return device_with(cli, params);
}

static int run_info(struct cli *cli)
{
    return device_with(cli, info);
}

static int run_bootinfo(struct cli *cli)
{
    return device_with(cli, bootinfo);
}

static int run_datetime(struct cli *cli)
{
    return device_with(cli, datetime);
}

static const char *const echo_examples[] = {
    "# Is the device there, and does it answer with what it was sent?",
    "dfu -d udp:192.0.2.1 echo hello",
    NULL,
};

const struct cli_command cmd_echo = {
    .name = "echo",
    .args = "[TEXT]",
    .summary = "Ask the device whether it is there",
    .examples = echo_examples,
    .needs_target = true,
    .run = run_echo,
};

static const struct cli_option reset_options[] = {
    { "force", 0, NULL, 0, "also if the application would rather not", NULL, OPT_FORCE },
    { "recovery", 0, NULL, 0,
      "into the bootloader's serial recovery, where the device has that and its application asks",
      NULL, OPT_RECOVERY },
    { "boot-mode", 0, "N", 1, "what the bootloader shall do: 0 as usual, 1 recovery, or its own",
      NULL, OPT_BOOT_MODE },
    { 0 },
};

static const char *const reset_examples[] = {
    "# Restart, and let the bootloader look for an update",
    "dfu -d udp:192.0.2.1 reset",
    "# Also if the application is busy, and into the bootloader's recovery",
    "dfu -d udp:192.0.2.1 reset --force --boot-mode 1",
    NULL,
};

const struct cli_command cmd_reset = {
    .name = "reset",
    .summary = "Restart the device",
    .options = reset_options,
    .examples = reset_examples,
    .needs_target = true,
    .run = run_reset,
};

static const char *const params_examples[] = {
    "# How large the frames to the device may be",
    "dfu -d serial:/dev/ttyACM0 params",
    NULL,
};

const struct cli_command cmd_params = {
    .name = "params",
    .summary = "Show the device's buffer size and count",
    .examples = params_examples,
    .needs_target = true,
    .run = run_params,
};

static const char *const info_examples[] = {
    "# Everything the device tells of itself",
    "dfu -d udp:192.0.2.1 info",
    "# Only the board and the operating system",
    "dfu -d udp:192.0.2.1 info io",
    NULL,
};

const struct cli_command cmd_info = {
    .name = "info",
    .args = "[FORMAT]",
    .summary = "Show what the device is and runs",
    .details =
        "FORMAT is any of the letters s kernel, n node, r release, v version, b build time,\n"
        "m machine, p processor, i board, o operating system, a all (the default).",
    .examples = info_examples,
    .needs_target = true,
    .run = run_info,
};

static const char *const bootinfo_examples[] = {
    "# Which bootloader it is, and how it installs updates",
    "dfu -d udp:192.0.2.1 --json bootinfo",
    NULL,
};

const struct cli_command cmd_bootinfo = {
    .name = "bootinfo",
    .summary = "Show the device's bootloader and how it updates",
    .examples = bootinfo_examples,
    .needs_target = true,
    .run = run_bootinfo,
};

static const char *const datetime_examples[] = {
    "# What time the device has",
    "dfu -d udp:192.0.2.1 datetime",
    "# Set its clock by this computer's",
    "dfu -d udp:192.0.2.1 datetime now",
    NULL,
};

const struct cli_command cmd_datetime = {
    .name = "datetime",
    .args = "[TIME]",
    .summary = "Show or set the device's clock",
    .details = "TIME is local time, 2026-11-20T11:56:05, or the word now.",
    .examples = datetime_examples,
    .needs_target = true,
    .run = run_datetime,
};
