/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The statistics group: counters by name. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"

#define NAME_MAX_LEN 64

static int list(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_stat_list(&call, dev->out, sizeof(dev->out));

    return device_list_names(dev, &call, len, dfu_client_stats_open, "statistics",
                             "list its statistics", "the device keeps no statistics");
}

static void add_field(cJSON *fields, struct dfu_client_text name, uint64_t value)
{
    char text[NAME_MAX_LEN], number[24];

    snprintf(number, sizeof(number), "%" PRIu64, value); /* a double would lose the last digits */
    cJSON_AddRawToObject(fields, device_text(name, text, sizeof(text)), number);
}

static int show(struct device *dev)
{
    static const char what[] = "show these statistics";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_stat_show(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    struct dfu_client_text name;
    struct dfu_cbor_walk walk;
    cJSON *json = NULL, *fields = NULL;
    char text[NAME_MAX_LEN];
    uint64_t value;
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_fields_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    if (dev->cli->json) {
        json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "name", cli_arg(dev->cli, 0));
        fields = cJSON_AddObjectToObject(json, "fields");
    }
    while ((more = dfu_client_fields_next(&walk, &name, &value)) > 0) {
        if (json) {
            add_field(fields, name, value);
        } else {
            printf("%-24s  %" PRIu64 "\n", device_text(name, text, sizeof(text)), value);
        }
    }
    if (more < 0) {
        cJSON_Delete(json);
        return device_fail_broken(dev, what);
    }
    return json ? cli_json_print(dev->cli, json) : CLI_DONE;
}

static int run_list(struct cli *cli)
{
    return device_with(cli, list);
}

static int run_show(struct cli *cli)
{
    return device_with(cli, show);
}

static const char *const list_examples[] = {
    "# What the device counts",
    "dfu -d udp:192.0.2.1 stat list",
    NULL,
};

const struct cli_command cmd_stat_list = {
    .name = "stat list",
    .summary = "List the device's sets of counters",
    .examples = list_examples,
    .needs_target = true,
    .run = run_list,
};

static const char *const show_examples[] = {
    "# One set of counters",
    "dfu -d udp:192.0.2.1 stat show smp_svr_stats",
    NULL,
};

const struct cli_command cmd_stat_show = {
    .name = "stat show",
    .args = "NAME",
    .summary = "Show one set of counters",
    .examples = show_examples,
    .needs_target = true,
    .run = run_show,
};
