/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dumpinfo --json: imgtool's JSON, and what a program would else have to work out itself. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dump.h"

#define UUID_SIZE       16u
#define DEPENDENCY_SIZE 12u

static cJSON *flag_names(uint32_t flags)
{
    cJSON *list = cJSON_CreateArray();

    for (const struct dump_flag *f = dump_flags; f->bit; f++) {
        if (flags & f->bit) {
            cJSON_AddItemToArray(list, cJSON_CreateString(f->name));
        }
    }
    return list;
}

static cJSON *dependency(const uint8_t *data)
{
    struct dfu_image_version version = { data[4], data[5], get_le16(data + 6), get_le32(data + 8) };
    char text[DFU_IMAGE_VERSION_STRLEN];
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "image", data[0]);
    cJSON_AddStringToObject(json, "min_version", dfu_image_version_text(&version, text));
    return json;
}

static cJSON *uuid(const uint8_t *d)
{
    char text[40];

    snprintf(text, sizeof(text),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1],
             d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14],
             d[15]);
    return cJSON_CreateString(text);
}

/* What the bytes mean, or NULL where they mean nothing but themselves. */
static cJSON *value_of(const struct dfu_image_tlv *tlv, const uint8_t *data)
{
    switch (tlv->type) {
    case DFU_TLV_SEC_CNT:
    case DFU_TLV_DECOMP_SIZE:
    case DFU_TLV_COMP_DEC_SIZE: return tlv->len == 4 ? cJSON_CreateNumber(get_le32(data)) : NULL;
    case DFU_TLV_DEPENDENCY: return tlv->len == DEPENDENCY_SIZE ? dependency(data) : NULL;
    case DFU_TLV_UUID_VID:
    case DFU_TLV_UUID_CID: return tlv->len == UUID_SIZE ? uuid(data) : NULL;
    default: return NULL;
    }
}

struct entries {
    cJSON *next;
};

static void add_tlv(void *ctx, const struct dump *dump, const struct dfu_image_tlv *tlv)
{
    struct entries *entries = ctx;
    cJSON *value = value_of(tlv, dump->data + tlv->off);

    if (!entries->next) {
        cJSON_Delete(value);
        return;
    }
    cJSON_AddNumberToObject(entries->next, "offset", tlv->off);
    if (value) {
        cJSON_AddItemToObject(entries->next, "value", value);
    }
    entries->next = entries->next->next;
}

static void add_area(cJSON *area, const char *name, const struct dump *dump, bool is_protected)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(area, name);
    struct entries entries = { list ? list->child : NULL };

    dump_each_tlv(dump, is_protected, add_tlv, &entries);
}

cJSON *dump_facts(const struct dump *dump, enum dfu_image_fault fault)
{
    const struct dfu_image_header *h = &dump->image.header;
    cJSON *json = NULL, *part;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out) {
        return NULL;
    }
    dump_json(dump, out);
    json = fclose(out) ? NULL : cJSON_ParseWithLength(text, len);
    free(text);
    if (!json) {
        return NULL;
    }
    cJSON_AddNumberToObject(json, "file_size", (double)dump->len);
    cJSON_AddNumberToObject(json, "image_size", dump->image.end);
    cJSON_AddItemToObject(json, "fault",
                          fault ? cJSON_CreateString(dfu_image_fault_text(fault))
                                : cJSON_CreateNull());
    cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(json, "header"), "flag_names",
                          flag_names(h->flags));
    part = cJSON_AddObjectToObject(json, "payload");
    cJSON_AddNumberToObject(part, "offset", h->hdr_size);
    cJSON_AddNumberToObject(part, "size", h->img_size);
    part = cJSON_GetObjectItemCaseSensitive(json, "tlv_area");
    add_area(part, "tlvs_prot", dump, true);
    add_area(part, "tlvs", dump, false);
    return json;
}
