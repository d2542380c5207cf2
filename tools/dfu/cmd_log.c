/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Logs of the device, crashes on purpose, and what they leave. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"
#include "dfu/smp_crash.h"
#include "fs_transfer.h"

#define NAME_MAX_LEN 64
#define PAGES_MAX    100000u /* answers; a device that never ends its log is left */

enum { OPT_FROM = 1 };

/* ---- Names ---- */

static int list(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_log_list(&call, dev->out, sizeof(dev->out));

    return device_list_names(dev, &call, len, dfu_client_logs_open, "logs", "list its logs",
                             "the device keeps no log");
}

static int numbers(struct device *dev, const struct dfu_call *call, int len, const char *key,
                   const char *what)
{
    int code = device_ask(dev, call, len, DEVICE_QUICK, what);
    struct dfu_client_text name;
    struct dfu_cbor_walk walk;
    struct device_list out;
    char text[NAME_MAX_LEN];
    uint64_t value;
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_log_numbers_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&out, dev, key);
    while ((more = dfu_client_fields_next(&walk, &name, &value)) > 0) {
        out.count++;
        if (out.array) {
            cJSON *json = cJSON_CreateObject();

            cJSON_AddItemToObject(json, "name", device_json_text(name));
            cJSON_AddNumberToObject(json, "number", (double)value);
            cJSON_AddItemToArray(out.array, json);
        } else {
            printf("%5" PRIu64 "  %s\n", value, device_text(name, text, sizeof(text)));
        }
    }
    return device_list_end(&out, more, what, "the device names none");
}

static int levels(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_log_levels(&call, dev->out, sizeof(dev->out));

    return numbers(dev, &call, len, "levels", "list its log levels");
}

static int modules(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_log_modules(&call, dev->out, sizeof(dev->out));

    return numbers(dev, &call, len, "modules", "list its log modules");
}

/* ---- Entries ---- */

static void put_entry(const struct device_list *out, const struct dfu_client_log_entry *entry)
{
    const struct dfu_client_bytes *message = &entry->message;
    bool is_text = entry->type.len == 3 && memcmp(entry->type.data, "str", 3) == 0;
    struct dfu_client_text text = { (const char *)message->data, message->len };
    char log[NAME_MAX_LEN], *buf = malloc(2 * message->len + 1);
    cJSON *json;

    if (!buf) {
        return;
    }
    if (is_text) {
        device_text(text, buf, message->len + 1);
    } else {
        cli_hex(message->data, message->len, buf);
    }
    if (!out->array) {
        printf("%6u  %14.6f  %-10s  %3u  %s\n", (unsigned)entry->index,
               (double)entry->timestamp / 1e6, device_text(entry->log, log, sizeof(log)),
               (unsigned)entry->level, buf);
        free(buf);
        return;
    }
    json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "log", device_json_text(entry->log));
    cJSON_AddNumberToObject(json, "index", entry->index);
    cJSON_AddNumberToObject(json, "microseconds", (double)entry->timestamp);
    cJSON_AddNumberToObject(json, "level", entry->level);
    cJSON_AddNumberToObject(json, "module", entry->module);
    cJSON_AddStringToObject(json, is_text ? "text" : "hex", buf);
    cJSON_AddItemToArray(out->array, json);
    free(buf);
}

/* One answer's entries; *next is behind the newest of them, unchanged if there were none. */
static int show_page(struct device *dev, struct device_list *out, uint32_t *next, const char *what)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_log_show(&call, cli_arg(dev->cli, 0), *next, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    struct dfu_client_log_entry entry;
    struct dfu_client_log_walk walk;
    uint32_t from = *next;
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_log_entries_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    while ((more = dfu_client_log_entries_next(&walk, &entry)) > 0) {
        if (entry.index >= from && entry.index < UINT32_MAX) {
            *next = entry.index + 1 > *next ? entry.index + 1 : *next;
            out->count++;
            put_entry(out, &entry);
        }
    }
    return more < 0 ? device_fail_broken(dev, what) : CLI_DONE;
}

static int show(struct device *dev)
{
    static const char what[] = "show its log";
    struct device_list out;
    uint64_t first = 0;
    uint32_t next, before;
    int code = cli_number(dev->cli, OPT_FROM, 0, UINT32_MAX, &first);

    if (code) {
        return code;
    }
    next = (uint32_t)first;
    device_list_begin(&out, dev, "entries");
    for (uint32_t page = 0; !code && page < PAGES_MAX; page++) {
        before = next;
        code = show_page(dev, &out, &next, what);
        if (next == before) {
            break;
        }
    }
    if (code) {
        cJSON_Delete(out.json);
        return code;
    }
    return device_list_end(&out, 0, what, "there is no entry");
}

static int clear(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_log_clear(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "clear its log");

    return code ? code : device_say_done(dev, "cleared", "the log is cleared");
}

/* ---- Crashes ---- */

static int fail_kind(struct cli *cli)
{
    char kinds[128] = "";

    for (unsigned i = 0; i < DFU_CRASH_COUNT; i++) {
        size_t used = strlen(kinds);

        snprintf(kinds + used, sizeof(kinds) - used, "%s%s", used ? ", " : "",
                 dfu_crash_name((enum dfu_crash)i));
    }
    return cli_fail(cli, CLI_USAGE, "there is no crash %s; name one of %s", cli_arg(cli, 0), kinds);
}

static int crash(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_crash(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_ONCE, "crash");

    return code ? code : device_say_done(dev, "crashes", "the device crashes");
}

static int run_crash(struct cli *cli)
{
    for (unsigned i = 0; i < DFU_CRASH_COUNT; i++) {
        if (strcmp(cli_arg(cli, 0), dfu_crash_name((enum dfu_crash)i)) == 0) {
            return device_with(cli, crash);
        }
    }
    return fail_kind(cli);
}

static int core_download(struct device *dev)
{
    return fs_download(dev, NULL, cli_arg(dev->cli, 0), false);
}

static int core_erase(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_core_erase(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_ERASES, "erase its core dump");

    return code ? code : device_say_done(dev, "erased", "the core dump is erased");
}

static int run_list(struct cli *cli)
{
    return device_with(cli, list);
}

static int run_show(struct cli *cli)
{
    return device_with(cli, show);
}

static int run_clear(struct cli *cli)
{
    return device_with(cli, clear);
}

static int run_levels(struct cli *cli)
{
    return device_with(cli, levels);
}

static int run_modules(struct cli *cli)
{
    return device_with(cli, modules);
}

static int run_core_download(struct cli *cli)
{
    return device_with(cli, core_download);
}

static int run_core_erase(struct cli *cli)
{
    return device_with(cli, core_erase);
}

static const char *const list_examples[] = {
    "# Which logs the device keeps",
    "dfu -d udp:192.0.2.1 log list",
    NULL,
};

const struct cli_command cmd_log_list = {
    .name = "log list",
    .summary = "List the device's logs",
    .examples = list_examples,
    .needs_target = true,
    .run = run_list,
};

static const struct cli_option show_options[] = {
    { "from", 0, "INDEX", 1, "only entries of that index and later ones", NULL, OPT_FROM },
    { 0 },
};

static const char *const show_examples[] = {
    "# All entries: index, seconds, log, level, message",
    "dfu -d udp:192.0.2.1 log show",
    "# What one log has gained since",
    "dfu -d udp:192.0.2.1 log show --from 120 console",
    NULL,
};

const struct cli_command cmd_log_show = {
    .name = "log show",
    .args = "[LOG]",
    .summary = "Show the entries of one log, or of all",
    .details = "Messages that are no text are shown in hexadecimal.",
    .options = show_options,
    .examples = show_examples,
    .needs_target = true,
    .run = run_show,
};

static const char *const clear_examples[] = {
    "# Begin anew",
    "dfu -d udp:192.0.2.1 log clear",
    NULL,
};

const struct cli_command cmd_log_clear = {
    .name = "log clear",
    .args = "[LOG]",
    .summary = "Clear one log, or all",
    .examples = clear_examples,
    .needs_target = true,
    .run = run_clear,
};

static const char *const levels_examples[] = {
    "# What the levels of log show mean",
    "dfu -d udp:192.0.2.1 log levels",
    NULL,
};

const struct cli_command cmd_log_levels = {
    .name = "log levels",
    .summary = "List the numbers and names of the log's levels",
    .examples = levels_examples,
    .needs_target = true,
    .run = run_levels,
};

static const char *const modules_examples[] = {
    "# Which parts of the firmware write to the log",
    "dfu -d udp:192.0.2.1 log modules",
    NULL,
};

const struct cli_command cmd_log_modules = {
    .name = "log modules",
    .summary = "List the numbers and names of the modules that log",
    .examples = modules_examples,
    .needs_target = true,
    .run = run_modules,
};

static const char *const crash_examples[] = {
    "# See whether the watchdog brings the device back",
    "dfu -d udp:192.0.2.1 crash wdog",
    NULL,
};

const struct cli_command cmd_crash = {
    .name = "crash",
    .args = "KIND",
    .summary = "Crash the device on purpose, to see what it makes of it",
    .details = "KIND is div0, jump0, ref0, assert or wdog. Many devices do not allow it, and one\n"
               "that crashes at once does not answer.",
    .examples = crash_examples,
    .needs_target = true,
    .run = run_crash,
};

static const char *const core_download_examples[] = {
    "# Fetch what the last crash left, then make room for the next",
    "dfu -d udp:192.0.2.1 core download crash.core",
    "dfu -d udp:192.0.2.1 core erase",
    NULL,
};

const struct cli_command cmd_core_download = {
    .name = "core download",
    .args = "FILE",
    .summary = "Fetch the core dump that a crash left",
    .examples = core_download_examples,
    .needs_target = true,
    .run = run_core_download,
};

static const char *const core_erase_examples[] = {
    "# Make room for the next",
    "dfu -d udp:192.0.2.1 core erase",
    NULL,
};

const struct cli_command cmd_core_erase = {
    .name = "core erase",
    .summary = "Erase the device's core dump",
    .examples = core_erase_examples,
    .needs_target = true,
    .run = run_core_erase,
};
