/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The same facts for programs: YAML as PyYAML writes it, JSON with an indent of two. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "dump.h"

#define BASE64_WIDTH 76u

/* Plain where nothing could take it for something else than text. */
static void yaml_text(FILE *out, const char *text)
{
    bool is_plain = isalpha((unsigned char)text[0]) && strchr(text, '.');

    for (const char *p = text; *p; p++) {
        is_plain = is_plain && (isalnum((unsigned char)*p) || strchr("._-+", *p));
    }
    if (is_plain) {
        fprintf(out, "%s", text);
        return;
    }
    fputc('\'', out);
    for (const char *p = text; *p; p++) {
        if (*p == '\'') {
            fputc('\'', out);
        }
        fputc(iscntrl((unsigned char)*p) ? '?' : *p, out);
    }
    fputc('\'', out);
}

static void yaml_bytes(FILE *out, const uint8_t *data, size_t len, int indent)
{
    uint8_t *text = malloc((len + 2) / 3 * 4 + 1);

    if (len == 0 || !text) {
        fprintf(out, "!!binary \"\"\n");
        free(text);
        return;
    }
    len = (size_t)EVP_EncodeBlock(text, data, (int)len);
    fprintf(out, "!!binary |\n");
    for (size_t i = 0; i < len; i += BASE64_WIDTH) {
        size_t part = len - i < BASE64_WIDTH ? len - i : BASE64_WIDTH;

        fprintf(out, "%*s%.*s\n", indent, "", (int)part, (const char *)text + i);
    }
    free(text);
}

static void yaml_tlv(void *ctx, const struct dump *dump, const struct dfu_image_tlv *tlv)
{
    FILE *out = ctx;

    fprintf(out, "  - type: %u\n    type_name: %s\n    len: %u\n    data: ", tlv->type,
            dump_tlv_name(tlv->type), tlv->len);
    yaml_bytes(out, dump->data + tlv->off, tlv->len, 6);
}

static bool has_tlv(const struct dump *dump, bool is_protected)
{
    return dump_area_total(dump, is_protected) > 4;
}

static void yaml_area(const struct dump *dump, bool is_protected, FILE *out)
{
    const char *suffix = is_protected ? "_prot" : "";

    if (is_protected && dump->image.header.protect_tlv_size == 0) {
        fprintf(out, "  tlv_hdr_prot: {}\n  tlvs_prot: []\n");
        return;
    }
    fprintf(out, "  tlv_hdr%s:\n    magic: %u\n    tlv_tot: %u\n  tlvs%s:%s\n", suffix,
            is_protected ? DUMP_MAGIC_PROTECTED : DUMP_MAGIC_UNPROTECTED,
            dump_area_total(dump, is_protected), suffix, has_tlv(dump, is_protected) ? "" : " []");
    dump_each_tlv(dump, is_protected, yaml_tlv, out);
}

static void yaml_trailer(const struct dump_trailer *t, FILE *out)
{
    if (!t->is_there) {
        fprintf(out, "trailer: {}\n");
        return;
    }
    fprintf(out, "trailer:\n  magic: ");
    yaml_bytes(out, t->magic, sizeof(t->magic), 4);
    if (t->is_known) {
        fprintf(out, "  image_ok: %u\n  copy_done: %u\n  swap_info: %u\n  swap_size: %u\n",
                t->image_ok, t->copy_done, t->swap_info, t->swap_size);
    }
    if (t->key_field_len) {
        fprintf(out, "  key_field_len: %u\n", t->key_field_len);
    }
}

void dump_yaml(const struct dump *dump, FILE *out)
{
    const struct dfu_image_header *h = &dump->image.header;
    char version[DFU_IMAGE_VERSION_STRLEN];

    fprintf(out, "filename: ");
    yaml_text(out, dump->filename);
    fprintf(out,
            "\nheader:\n  magic: %u\n  load_addr: %u\n  hdr_size: %u\n  protected_tlv_size: %u\n"
            "  img_size: %u\n  flags: %u\n  version: %s\ntlv_area:\n",
            DFU_IMAGE_MAGIC, h->load_addr, h->hdr_size, h->protect_tlv_size, h->img_size, h->flags,
            dfu_image_version_text(&h->version, version));
    yaml_area(dump, true, out);
    yaml_area(dump, false, out);
    yaml_trailer(&dump->trailer, out);
}

static void json_bytes(FILE *out, const uint8_t *data, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        fprintf(out, "%02x", data[i]);
    }
    fputc('"', out);
}

struct json_list {
    FILE *out;
    bool has_one;
};

static void json_tlv(void *ctx, const struct dump *dump, const struct dfu_image_tlv *tlv)
{
    struct json_list *list = ctx;

    fprintf(list->out,
            "%s\n      {\n        \"type\": %u,\n        \"type_name\": \"%s\",\n"
            "        \"len\": %u,\n        \"data\": ",
            list->has_one ? "," : "", tlv->type, dump_tlv_name(tlv->type), tlv->len);
    json_bytes(list->out, dump->data + tlv->off, tlv->len);
    fprintf(list->out, "\n      }");
    list->has_one = true;
}

static void json_area(const struct dump *dump, bool is_protected, FILE *out)
{
    const char *suffix = is_protected ? "_prot" : "";
    struct json_list list = { .out = out };

    if (is_protected && dump->image.header.protect_tlv_size == 0) {
        fprintf(out, "    \"tlv_hdr_prot\": {},\n    \"tlvs_prot\": [],\n");
        return;
    }
    fprintf(out,
            "    \"tlv_hdr%s\": {\n      \"magic\": %u,\n      \"tlv_tot\": %u\n    },\n"
            "    \"tlvs%s\": [",
            suffix, is_protected ? DUMP_MAGIC_PROTECTED : DUMP_MAGIC_UNPROTECTED,
            dump_area_total(dump, is_protected), suffix);
    dump_each_tlv(dump, is_protected, json_tlv, &list);
    fprintf(out, "%s]%s\n", list.has_one ? "\n    " : "", is_protected ? "," : "");
}

static void json_trailer(const struct dump_trailer *t, FILE *out)
{
    if (!t->is_there) {
        fprintf(out, "  \"trailer\": {}\n");
        return;
    }
    fprintf(out, "  \"trailer\": {\n    \"magic\": ");
    json_bytes(out, t->magic, sizeof(t->magic));
    if (t->is_known) {
        fprintf(out,
                ",\n    \"image_ok\": %u,\n    \"copy_done\": %u,\n    \"swap_info\": %u,\n"
                "    \"swap_size\": %u",
                t->image_ok, t->copy_done, t->swap_info, t->swap_size);
    }
    if (t->key_field_len) {
        fprintf(out, ",\n    \"key_field_len\": %u", t->key_field_len);
    }
    fprintf(out, "\n  }\n");
}

void dump_json(const struct dump *dump, FILE *out)
{
    const struct dfu_image_header *h = &dump->image.header;
    cJSON *name = cJSON_CreateStringReference(dump->filename);
    char *quoted = cJSON_PrintUnformatted(name);
    char version[DFU_IMAGE_VERSION_STRLEN];

    fprintf(out,
            "{\n  \"filename\": %s,\n  \"header\": {\n    \"magic\": %u,\n    \"load_addr\": %u,\n"
            "    \"hdr_size\": %u,\n    \"protected_tlv_size\": %u,\n    \"img_size\": %u,\n"
            "    \"flags\": %u,\n    \"version\": \"%s\"\n  },\n  \"tlv_area\": {\n",
            quoted ? quoted : "null", DFU_IMAGE_MAGIC, h->load_addr, h->hdr_size,
            h->protect_tlv_size, h->img_size, h->flags,
            dfu_image_version_text(&h->version, version));
    json_area(dump, true, out);
    json_area(dump, false, out);
    fprintf(out, "  },\n");
    json_trailer(&dump->trailer, out);
    fprintf(out, "}");
    cJSON_free(quoted);
    cJSON_Delete(name);
}
