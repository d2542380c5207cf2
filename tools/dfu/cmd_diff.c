/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* diff: in what two images differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "commands.h"
#include "diff.h"
#include "imagefile.h"

#define SHOWN_MAX 32u /* ranges as text; --json has all */

static const struct cli_option options[] = {
    { 0 },
};

static const char *value_text(const struct diff_value *v, char *out, size_t cap)
{
    if (!v->is_there) {
        return "absent";
    }
    if (v->len > 24) {
        snprintf(out, cap, "%u bytes", (unsigned)v->len);
        return out;
    }
    return v->len == 0 ? "empty" : cli_hex(v->data, v->len, out);
}

static void print_text(const struct cli *cli, const struct diff *d)
{
    char a[64], b[64];

    for (size_t i = 0; i < d->field_count; i++) {
        printf("%-20s %s -> %s\n", d->fields[i].name, d->fields[i].a, d->fields[i].b);
    }
    for (size_t i = 0; i < d->tlv_count; i++) {
        const struct diff_tlv *t = &d->tlvs[i];

        printf("%-20s %s -> %s\n", t->name, value_text(&t->a, a, sizeof(a)),
               value_text(&t->b, b, sizeof(b)));
    }
    if (d->range_count > 0) {
        printf("payload: %u of %u bytes differ\n", d->differing, max_u32(d->a_size, d->b_size));
    }
    for (size_t i = 0; i < d->range_count && i < SHOWN_MAX; i++) {
        printf("  0x%06x..0x%06x %u bytes%s\n", d->ranges[i].off,
               d->ranges[i].off + d->ranges[i].len - 1, d->ranges[i].len,
               d->ranges[i].off >= min_u32(d->a_size, d->b_size) ? ", in one of them only" : "");
    }
    if (d->range_count > SHOWN_MAX) {
        printf("  and %zu more ranges; --json lists them\n", d->range_count - SHOWN_MAX);
    }
    if (d->rest_differs) {
        printf("what follows the images differs\n");
    }
    if (diff_is_empty(d) && !cli->quiet) {
        printf("%s and %s are the same image\n", cli_arg(cli, 0), cli_arg(cli, 1));
    }
}

static void add_value(cJSON *json, const char *name, const struct diff_value *v)
{
    char *hex = v->is_there ? malloc(2 * (size_t)v->len + 1) : NULL;

    if (hex) {
        cJSON_AddStringToObject(json, name, cli_hex(v->data, v->len, hex));
    } else {
        cJSON_AddNullToObject(json, name);
    }
    free(hex);
}

static cJSON *payload_json(const struct diff *d)
{
    cJSON *json = cJSON_CreateObject(), *list;

    cJSON_AddNumberToObject(json, "a_size", d->a_size);
    cJSON_AddNumberToObject(json, "b_size", d->b_size);
    cJSON_AddNumberToObject(json, "differing_bytes", d->differing);
    list = cJSON_AddArrayToObject(json, "ranges");
    for (size_t i = 0; i < d->range_count; i++) {
        cJSON *range = cJSON_CreateObject();

        cJSON_AddNumberToObject(range, "offset", d->ranges[i].off);
        cJSON_AddNumberToObject(range, "length", d->ranges[i].len);
        cJSON_AddItemToArray(list, range);
    }
    return json;
}

static int print_json(struct cli *cli, const struct diff *d)
{
    cJSON *json = cJSON_CreateObject(), *part;

    cJSON_AddStringToObject(json, "a", cli_arg(cli, 0));
    cJSON_AddStringToObject(json, "b", cli_arg(cli, 1));
    cJSON_AddBoolToObject(json, "equal", diff_is_empty(d));
    part = cJSON_AddObjectToObject(json, "header");
    for (size_t i = 0; i < d->field_count; i++) {
        cJSON *field = cJSON_AddObjectToObject(part, d->fields[i].name);

        cJSON_AddStringToObject(field, "a", d->fields[i].a);
        cJSON_AddStringToObject(field, "b", d->fields[i].b);
    }
    part = cJSON_AddArrayToObject(json, "tlvs");
    for (size_t i = 0; i < d->tlv_count; i++) {
        const struct diff_tlv *t = &d->tlvs[i];
        cJSON *tlv = cJSON_CreateObject();

        cJSON_AddNumberToObject(tlv, "type", t->type);
        cJSON_AddStringToObject(tlv, "name", t->name);
        cJSON_AddBoolToObject(tlv, "protected", t->is_protected);
        add_value(tlv, "a", &t->a);
        add_value(tlv, "b", &t->b);
        cJSON_AddItemToArray(part, tlv);
    }
    cJSON_AddItemToObject(json, "payload", payload_json(d));
    cJSON_AddBoolToObject(json, "rest_differs", d->rest_differs);
    return cli_json_print(cli, json);
}

static int compare(struct cli *cli, struct diff_side *a, struct diff_side *b)
{
    struct diff d;
    int exit_code = CLI_DONE;

    if (diff_images(a, b, &d)) {
        exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory");
    } else if (cli->json) {
        exit_code = print_json(cli, &d);
    } else {
        print_text(cli, &d);
    }
    if (!exit_code && !diff_is_empty(&d)) {
        exit_code = CLI_REFUSED;
    }
    diff_free(&d);
    return exit_code;
}

static int open_side(struct cli *cli, const char *path, struct diff_side *side)
{
    enum dfu_image_fault fault;
    int exit_code = imagefile_read(cli, path, &side->data, &side->len, NULL);

    if (exit_code) {
        return exit_code;
    }
    fault = diff_open(side);
    return fault
               ? cli_fail(cli, CLI_INPUT, "cannot compare %s: %s; name an image that dfu sign made",
                          path, dfu_image_fault_text(fault))
               : CLI_DONE;
}

static int diff_run(struct cli *cli)
{
    struct diff_side a = { 0 }, b = { 0 };
    int exit_code = open_side(cli, cli_arg(cli, 0), &a);

    if (!exit_code) {
        exit_code = open_side(cli, cli_arg(cli, 1), &b);
    }
    if (!exit_code) {
        exit_code = compare(cli, &a, &b);
    }
    free(a.data);
    free(b.data);
    return exit_code;
}

static const char *const examples[] = {
    "# What a new release changed",
    "dfu diff app-1.2.2.bin app-1.2.3.bin",
    "# Did two builds make the same? The exit code says so, too",
    "dfu -q diff build1/app.signed.bin build2/app.signed.bin",
    NULL,
};

const struct cli_command cmd_diff = {
    .name = "diff",
    .args = "IMGFILE IMGFILE",
    .summary = "Show in what two images differ",
    .details = "Header fields, TLVs in turn, and ranges of the payload; ranges less than 16 bytes\n"
               "apart are told as one, offsets count from the start of the payload. Nothing is\n"
               "judged; dfu verify does. Exit code 1: they differ.",
    .options = options,
    .examples = examples,
    .run = diff_run,
};
