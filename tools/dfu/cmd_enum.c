/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Which groups of commands a device has; and the basic group's one command. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"
#include "dfu/smp_enum.h"

#define NAME_MAX_LEN 64

enum { OPT_COUNT = 1, OPT_INDEX };

static const char what[] = "list its groups";

static int count(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_group_count(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "count its groups");
    uint32_t groups;

    if (code) {
        return code;
    }
    if (dfu_client_group_count_read(&dev->answer, &groups)) {
        return device_fail_broken(dev, "count its groups");
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "count", groups);
        return cli_json_print(dev->cli, json);
    }
    printf("%u\n", (unsigned)groups);
    return CLI_DONE;
}

static int single(struct device *dev, uint32_t index)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_group_single(&call, index, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "name that group");
    uint32_t group;
    bool is_last;

    if (code) {
        return code;
    }
    if (dfu_client_group_single_read(&dev->answer, &group, &is_last)) {
        return device_fail_broken(dev, "name that group");
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "group", group);
        cJSON_AddBoolToObject(json, "last", is_last);
        return cli_json_print(dev->cli, json);
    }
    printf("%u%s\n", (unsigned)group, is_last ? " (the last)" : "");
    return CLI_DONE;
}

static void print_group(const struct dfu_client_group *group)
{
    char name[NAME_MAX_LEN], handlers[16] = "not told";

    if (group->handlers > 0) {
        snprintf(handlers, sizeof(handlers), "%u", (unsigned)group->handlers);
    }
    printf("%5u  %-24s  %s\n", (unsigned)group->id,
           group->name.len > 0 ? device_text(group->name, name, sizeof(name)) : "not told",
           handlers);
}

static void add_group(cJSON *array, const struct dfu_client_group *group)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "group", group->id);
    if (group->name.len > 0) {
        cJSON_AddItemToObject(json, "name", device_json_text(group->name));
    }
    if (group->handlers > 0) {
        cJSON_AddNumberToObject(json, "handlers", group->handlers);
    }
    cJSON_AddItemToArray(array, json);
}

static int show_groups(struct device *dev)
{
    struct dfu_client_group group;
    struct dfu_cbor_walk walk;
    struct device_list list;
    int more;

    if (dfu_client_groups_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&list, dev, "groups");
    while ((more = dfu_client_groups_next(&walk, &group)) > 0) {
        if (list.array) {
            add_group(list.array, &group);
            continue;
        }
        if (list.count++ == 0) {
            printf("%5s  %-24s  %s\n", "group", "name", "command table");
        }
        print_group(&group);
    }
    return device_list_end(&list, more, what, "the device lists none of these groups");
}

static int take_asked(struct cli *cli, uint32_t asked[DFU_SMP_ENUM_ASKED_MAX])
{
    if (cli_argc(cli) > (int)DFU_SMP_ENUM_ASKED_MAX) {
        return cli_fail(cli, CLI_USAGE, "at most %u groups can be named; leave them out to see all",
                        (unsigned)DFU_SMP_ENUM_ASKED_MAX);
    }
    for (int i = 0; i < cli_argc(cli); i++) {
        uint64_t id;

        if (!cli_parse_number(cli_arg(cli, i), &id) || id > UINT16_MAX) {
            return cli_fail(cli, CLI_USAGE, "%s is no group; name it by a number from 0 to 65535",
                            cli_arg(cli, i));
        }
        asked[i] = (uint32_t)id;
    }
    return CLI_DONE;
}

/* Details need a device with memory for their hooks; the plain list is what all have. */
static int details(struct device *dev)
{
    uint32_t asked[DFU_SMP_ENUM_ASKED_MAX];
    struct dfu_call call;
    int len, code = take_asked(dev->cli, asked);

    if (code) {
        return code;
    }
    call = device_call(dev);
    len = dfu_client_group_details(&call, asked, (size_t)cli_argc(dev->cli), dev->out,
                                   sizeof(dev->out));
    code = device_try(dev, &call, len, DEVICE_QUICK, what);
    if (code == CLI_REFUSED && !dev->answer.refusal.from_group && cli_argc(dev->cli) == 0) {
        call = device_call(dev);
        len = dfu_client_group_list(&call, dev->out, sizeof(dev->out));
        code = device_try(dev, &call, len, DEVICE_QUICK, what);
    }
    if (code == CLI_REFUSED) {
        return device_fail_refused(dev, &dev->answer.refusal, what);
    }
    return code ? code : show_groups(dev);
}

static int enumerate(struct device *dev)
{
    uint64_t index = 0;
    int code = cli_number(dev->cli, OPT_INDEX, 0, UINT16_MAX, &index);

    if (code) {
        return code;
    }
    if (cli_has(dev->cli, OPT_COUNT)) {
        return count(dev);
    }
    return cli_has(dev->cli, OPT_INDEX) ? single(dev, (uint32_t)index) : details(dev);
}

static int erase_storage(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_erase_storage(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_ERASES, "erase its storage");

    return code ? code : device_say_done(dev, "erased", "the device's storage is erased");
}

static int run_enum(struct cli *cli)
{
    return device_with(cli, enumerate);
}

static int run_erase_storage(struct cli *cli)
{
    return device_with(cli, erase_storage);
}

static const struct cli_option options[] = {
    { "count", 0, NULL, 0, "only say how many there are", NULL, OPT_COUNT },
    { "index", 0, "N", 1, "only the N-th one, from 0", NULL, OPT_INDEX },
    { 0 },
};

static const char *const examples[] = {
    "# What the device can be asked",
    "dfu -d udp:192.0.2.1 enum",
    "# Whether it has files and a shell",
    "dfu -d udp:192.0.2.1 enum 8 9",
    NULL,
};

const struct cli_command cmd_enum = {
    .name = "enum",
    .args = "[GROUP...]",
    .summary = "List the groups of commands that the device has",
    .options = options,
    .examples = examples,
    .needs_target = true,
    .run = run_enum,
};

static const char *const erase_examples[] = {
    "# Back to the settings the device was made with",
    "dfu -d udp:192.0.2.1 storage erase",
    NULL,
};

const struct cli_command cmd_storage_erase = {
    .name = "storage erase",
    .summary = "Erase the device's storage: all settings are lost",
    .details = "The firmware is not touched. The device is silent for as long as the erase takes.",
    .examples = erase_examples,
    .needs_target = true,
    .run = run_erase_storage,
};
