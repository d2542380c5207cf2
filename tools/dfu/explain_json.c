/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The same as JSON. Its keys are stable: docs/EXPLAIN.md. */
#include <string.h>

#include "dfu/err.h"
#include "explain.h"

#define SENTENCE 512

static const char *const why_names[] = {
    [DFU_BOOT_WHY_TABLE] = "table",
    [DFU_BOOT_WHY_RECORDS] = "records",
    [DFU_BOOT_WHY_TRAILER] = "trailer",
    [DFU_BOOT_WHY_TORN_REQUEST] = "torn-request",
    [DFU_BOOT_WHY_EMPTY_PRIMARY] = "empty-primary",
    [DFU_BOOT_WHY_ATTEMPTS] = "attempts",
    [DFU_BOOT_WHY_GOES_BACK] = "goes-back",
    [DFU_BOOT_WHY_BLOCKED] = "blocked",
};
static const char *const magic_names[] = { "", "good", "bad", "unset" };
static const char *const flag_names[] = { "", "set", "bad", "unset" };
static const char *const source_names[] = { "image", "flash", "device" };

static cJSON *version_json(const struct dfu_image_version *version)
{
    char text[DFU_IMAGE_VERSION_STRLEN];

    return version ? cJSON_CreateString(dfu_image_version_text(version, text)) : cJSON_CreateNull();
}

static cJSON *trailer_json(const struct dfu_slot_state *t)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "magic", magic_names[t->magic]);
    cJSON_AddStringToObject(json, "image_ok", flag_names[t->image_ok]);
    cJSON_AddStringToObject(json, "copy_done", flag_names[t->copy_done]);
    cJSON_AddStringToObject(json, "swap_info", dfu_swap_type_text(t->swap_type));
    return json;
}

static cJSON *text_or_null(const char *text)
{
    return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *slot_json(const struct explain *e, const struct explain_slot *slot, int number)
{
    cJSON *json = cJSON_CreateObject();
    bool is_trusted = dfu_verdict_is_trusted(&slot->report.verdict);
    char hex[2 * DFU_HASH_MAX + 1];

    cJSON_AddNumberToObject(json, "slot", number);
    cJSON_AddStringToObject(json, "state",
                            slot->is_empty ? "empty"
                            : is_trusted   ? "valid"
                                           : "invalid");
    cJSON_AddItemToObject(json, "fault",
                          text_or_null(is_trusted || slot->is_empty
                                           ? NULL
                                           : dfu_image_fault_text(slot->report.fault)));
    cJSON_AddItemToObject(json, "version",
                          version_json(slot->has_header ? &slot->header.version : NULL));
    cJSON_AddItemToObject(json, "size",
                          e->source != EXPLAIN_DEVICE && slot->report.size > 0
                              ? cJSON_CreateNumber(slot->report.size)
                              : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "key", text_or_null(slot->key));
    cJSON_AddItemToObject(
        json, "key_hash",
        text_or_null(slot->has_keyhash ? cli_hex(slot->keyhash, sizeof slot->keyhash, hex) : NULL));
    cJSON_AddItemToObject(json, "trailer", trailer_json(&slot->trailer));
    return json;
}

static cJSON *next_json(const struct explain *e, uint8_t image)
{
    const struct dfu_boot_outlook *o = &e->outlook[image];
    cJSON *json = cJSON_CreateObject();
    char text[SENTENCE];

    cJSON_AddStringToObject(json, "swap", dfu_swap_type_text(o->swap));
    cJSON_AddStringToObject(json, "asked", dfu_swap_type_text(o->asked));
    cJSON_AddBoolToObject(json, "resumes", o->resumes);
    cJSON_AddStringToObject(json, "why", why_names[o->why]);
    cJSON_AddItemToObject(json, "rule",
                          o->rule == DFU_SWAP_RULE_NONE ? cJSON_CreateNull()
                                                        : cJSON_CreateNumber(o->rule));
    cJSON_AddItemToObject(json, "refused",
                          o->update_err ? cJSON_CreateString(dfu_err_name(o->update_err))
                                        : cJSON_CreateNull());
    cJSON_AddBoolToObject(json, "erases_secondary", o->erases_secondary);
    cJSON_AddStringToObject(json, "text", explain_next(e, image, text, sizeof text));
    cJSON_AddStringToObject(json, "why_text", explain_why(e, image, text, sizeof text));
    return json;
}

static cJSON *boot_json(const struct explain *e, const struct explain_boot *b)
{
    cJSON *json = cJSON_CreateObject();
    uint64_t ms = b->boot.flash_us / 1000;
    cJSON *swaps = cJSON_AddArrayToObject(json, "swap");

    for (uint8_t i = 0; i < e->board->map.image_count; i++) {
        cJSON_AddItemToArray(swaps, cJSON_CreateString(dfu_swap_type_text(b->boot.result.swap[i])));
    }
    cJSON_AddItemToObject(json, "slot",
                          b->slot < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(b->slot));
    cJSON_AddItemToObject(json, "version", version_json(explain_runs(b)));
    cJSON_AddBoolToObject(json, "confirmed", b->is_confirmed);
    cJSON_AddItemToObject(json, "refused",
                          b->boot.result.update_err
                              ? cJSON_CreateString(dfu_err_name(b->boot.result.update_err))
                              : cJSON_CreateNull());
    if (e->has_cost) {
        cJSON_AddNumberToObject(json, "erases", b->boot.erases);
        cJSON_AddNumberToObject(json, "most_worn", b->boot.most_worn);
        cJSON_AddNumberToObject(json, "bytes_written", (double)b->boot.bytes_written);
        cJSON_AddItemToObject(json, "flash_ms",
                              b->boot.is_time_known ? cJSON_CreateNumber((double)ms)
                                                    : cJSON_CreateNull());
    }
    return json;
}

static void add_scenarios(const struct explain *e, cJSON *json)
{
    cJSON *list = cJSON_AddArrayToObject(json, "scenarios");

    for (unsigned i = 0; i < e->scenario_count; i++) {
        const struct explain_scenario *s = &e->scenarios[i];
        cJSON *item = cJSON_CreateObject();
        cJSON *boots;

        cJSON_AddStringToObject(item, "name", s->name);
        cJSON_AddStringToObject(item, "title", s->title);
        boots = cJSON_AddArrayToObject(item, "boots");
        for (unsigned n = 0; n < s->count; n++) {
            cJSON_AddItemToArray(boots, boot_json(e, &s->boots[n]));
        }
        cJSON_AddItemToArray(list, item);
    }
}

static cJSON *fit_json(const struct fit *fit)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *helps;

    cJSON_AddBoolToObject(json, "fits", fit->size <= fit->limit);
    cJSON_AddNumberToObject(json, "size", fit->size);
    cJSON_AddNumberToObject(json, "largest", fit->limit);
    cJSON_AddNumberToObject(json, "over", fit->size > fit->limit ? fit->size - fit->limit : 0);
    helps = cJSON_AddArrayToObject(json, "would_help");
    for (unsigned i = 0; i < fit->help_count; i++) {
        cJSON *help = cJSON_CreateObject();

        cJSON_AddStringToObject(help, "what", fit->helps[i].what);
        cJSON_AddNumberToObject(help, "largest", fit->helps[i].limit);
        cJSON_AddItemToArray(helps, help);
    }
    return json;
}

int explain_print_json(struct explain *e)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *images;

    cJSON_AddStringToObject(json, "source", source_names[e->source]);
    cJSON_AddStringToObject(json, "name", e->path);
    cJSON_AddItemToObject(json, "board", text_or_null(e->is_board_known ? e->board->name : NULL));
    cJSON_AddStringToObject(json, "mode", e->mode->name);
    cJSON_AddBoolToObject(json, "stand_in", e->is_stand_in);
    images = cJSON_AddArrayToObject(json, "images");
    for (uint8_t i = 0; i < e->board->map.image_count; i++) {
        cJSON *image = cJSON_CreateObject();
        cJSON *slots;

        cJSON_AddNumberToObject(image, "image", i);
        cJSON_AddNumberToObject(image, "largest", e->limits[i]);
        slots = cJSON_AddArrayToObject(image, "slots");
        for (int n = 0; n < 2; n++) {
            if (e->slots[i][n].area) {
                cJSON_AddItemToArray(slots, slot_json(e, &e->slots[i][n], 2 * i + n));
            }
        }
        cJSON_AddItemToObject(image, "next", next_json(e, i));
        cJSON_AddItemToArray(images, image);
    }
    cJSON_AddItemToObject(json, "fit", e->has_fit ? fit_json(&e->fit) : cJSON_CreateNull());
    add_scenarios(e, json);
    cJSON_AddItemToObject(json, "history",
                          e->history.updates ? history_json(&e->history) : cJSON_CreateNull());
    return cli_json_print(e->cli, json);
}
