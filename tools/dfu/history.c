/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"

static void take_version(char out[DFU_CLIENT_VERSION_LEN], bool has,
                         const struct dfu_image_version *version)
{
    char text[DFU_IMAGE_VERSION_STRLEN];

    if (has) {
        snprintf(out, DFU_CLIENT_VERSION_LEN, "%s", dfu_image_version_text(version, text));
    }
}

static struct dfu_client_update update_of(const struct dfu_history_entry *entry)
{
    struct dfu_client_update update = { .number = entry->number, .image = entry->image };

    snprintf(update.result, sizeof update.result, "%s", dfu_history_result_text(entry->result));
    take_version(update.from, entry->has_from, &entry->from);
    take_version(update.to, entry->has_to, &entry->to);
    if (entry->reason) {
        snprintf(update.reason, sizeof update.reason, "%s", dfu_err_name(entry->reason));
    }
    if (entry->fault != DFU_IMAGE_FINE) {
        snprintf(update.fault, sizeof update.fault, "%s", dfu_image_fault_text(entry->fault));
    }
    memcpy(update.hash, entry->to_hash, sizeof update.hash);
    return update;
}

int history_from_area(struct cli *cli, const struct dfu_area *area, size_t limit,
                      struct history *out)
{
    struct dfu_history_entry entry;
    int err = DFU_OK;

    *out = (struct history){ .updates = calloc(HISTORY_MAX, sizeof *out->updates) };
    if (!out->updates) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    while (!err && out->count < limit && out->count < HISTORY_MAX) {
        err = dfu_history_read(area, (uint32_t)out->count, &entry);
        if (!err) {
            out->updates[out->count++] = update_of(&entry);
        }
    }
    if (err && err != DFU_ERR_NOENT) {
        return cli_fail(cli, CLI_REFUSED,
                        "the history cannot be read: %s; see that the board is "
                        "the right one",
                        dfu_err_name(err));
    }
    return CLI_DONE;
}

void history_free(struct history *history)
{
    free(history->updates);
    history->updates = NULL;
}

static void add_text(cJSON *json, const char *key, const char *text)
{
    cJSON_AddItemToObject(json, key, text[0] ? cJSON_CreateString(text) : cJSON_CreateNull());
}

cJSON *history_json(const struct history *history)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < history->count; i++) {
        const struct dfu_client_update *u = &history->updates[i];
        cJSON *json = cJSON_CreateObject();
        char hex[2 * sizeof u->hash + 1];

        cJSON_AddNumberToObject(json, "number", u->number);
        cJSON_AddNumberToObject(json, "image", u->image);
        cJSON_AddStringToObject(json, "result", u->result);
        add_text(json, "from", u->from);
        add_text(json, "to", u->to);
        add_text(json, "reason", u->reason);
        add_text(json, "fault", u->fault);
        cJSON_AddStringToObject(json, "hash", cli_hex(u->hash, sizeof u->hash, hex));
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

void history_print(const struct history *history)
{
    if (history->count == 0) {
        printf("no update is told\n");
        return;
    }
    printf("%-6s  %-5s  %-10s  %-14s  %-14s  %s\n", "number", "image", "result", "from", "to",
           "why");
    for (size_t i = 0; i < history->count; i++) {
        const struct dfu_client_update *u = &history->updates[i];

        printf("%-6u  %-5u  %-10s  %-14s  %-14s  %s\n", (unsigned)u->number, (unsigned)u->image,
               u->result, u->from[0] ? u->from : "-", u->to[0] ? u->to : "-",
               u->fault[0]    ? u->fault
               : u->reason[0] ? u->reason
                              : "-");
    }
}
