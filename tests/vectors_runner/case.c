/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonl.h"
#include "report.h"

static const cJSON *item(const cJSON *array, int index)
{
    return cJSON_GetArrayItem(array, index);
}

static uint32_t item_u32(const cJSON *array, int index)
{
    return (uint32_t)item(array, index)->valuedouble;
}

static const char *item_str(const cJSON *array, int index)
{
    return item(array, index)->valuestring;
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

enum world_place case_place(const char *name)
{
    enum world_place place = WORLD_PRI;

    while (place < WORLD_PLACES && strcmp(name, boot_world_place_names[place]) != 0) {
        place++;
    }
    return place;
}

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
    size_t len = strlen(hex) / 2;

    if (len > cap) {
        report_fatal("a hex string of %zu bytes is longer than expected", len);
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return len;
}

/* ---- The device ---- */

void case_areas(const cJSON *areas, struct world_spec *spec)
{
    const cJSON *area;

    cJSON_ArrayForEach(area, areas)
    {
        struct world_area_spec *out = &spec->areas[case_place(area->string)];
        const cJSON *run;

        out->size = (uint32_t)json_int(area, "size");
        out->write_size = (uint8_t)json_int(area, "align");
        cJSON_ArrayForEach(run, json_get(area, "sectors"))
        {
            if (out->run_count == WORLD_RUNS_MAX) {
                report_fatal("more than %d sector runs", WORLD_RUNS_MAX);
            }
            out->runs[out->run_count++] =
                (struct dfu_sector_run){ item_u32(run, 0), item_u32(run, 1) };
        }
    }
}

static const struct {
    const char *name;
    enum dfu_boot_mode mode;
    bool is_fast;
} modes[] = {
    { "move", DFU_MODE_SWAP_MOVE, false },
    { "offset", DFU_MODE_SWAP_OFFSET, false },
    { "scratch", DFU_MODE_SWAP_SCRATCH, false },
    { "overwrite", DFU_MODE_OVERWRITE, false },
    { "overwrite-fast", DFU_MODE_OVERWRITE, true },
    { "direct-xip", DFU_MODE_DIRECT_XIP, false },
    { "direct-xip-revert", DFU_MODE_DIRECT_XIP_REVERT, false },
};

const char *case_unknown_mode(const cJSON *json)
{
    const char *mode = json_str(json, "mode");

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(mode, modes[i].name) == 0) {
            return NULL;
        }
    }
    return mode;
}

static void read_mode(struct swap_case *c)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(c->mode, modes[i].name) == 0) {
            c->spec.mode = modes[i].mode;
            c->spec.is_fast = modes[i].is_fast;
        }
    }
}

bool case_runs_in_place(const struct swap_case *c)
{
    return c->spec.mode == DFU_MODE_DIRECT_XIP || c->spec.mode == DFU_MODE_DIRECT_XIP_REVERT;
}

static void read_config(struct swap_case *c)
{
    const cJSON *config = json_get(c->json, "config");

    c->spec = (struct world_spec){
        .max_align = (uint8_t)json_int(config, "max_align"),
        .max_sectors = (uint16_t)json_int(config, "max_sectors"),
        .erased = (uint8_t)json_int(config, "erased"),
        .validate_primary = is_true(config, "validate_primary"),
        .bootstrap = is_true(config, "bootstrap"),
        .prevent_downgrade = is_true(config, "downgrade_prevention"),
    };
    case_areas(json_get(c->json, "areas"), &c->spec);
    read_mode(c);
    if (case_runs_in_place(c)) { /* it matters where on the device the slots lie */
        c->spec.guard = (uint32_t)json_int(json_get(json_get(c->json, "areas"), "pri"), "offset");
    }
}

/* ---- Images ---- */

static size_t read_tlvs(const cJSON *list, struct test_tlv *tlvs, uint8_t (*values)[256])
{
    size_t count = 0;
    const cJSON *tlv;

    cJSON_ArrayForEach(tlv, list)
    {
        struct test_tlv *out = &tlvs[count];

        if (count == TEST_IMAGE_TLVS_MAX) {
            report_fatal("more than %d TLVs", TEST_IMAGE_TLVS_MAX);
        }
        out->type = (uint16_t)item_u32(tlv, 0);
        if (strcmp(item_str(tlv, 1), "sha256") != 0) {
            out->value = values[count];
            out->len = (uint16_t)unhex(item_str(tlv, 1), values[count], sizeof values[count]);
        }
        count++;
    }
    return count;
}

static void build_image(const struct swap_case *c, const cJSON *json, struct case_image *out)
{
    uint8_t prot_values[TEST_IMAGE_TLVS_MAX][256], values[TEST_IMAGE_TLVS_MAX][256];
    const cJSON *version = json_get(json, "version");
    struct test_recipe recipe = {
        .load_addr = (uint32_t)json_int(json, "load"),
        .hdr_size = (uint16_t)json_int(json, "hdr"),
        .body = (uint32_t)json_int(json, "body"),
        .flags = (uint32_t)json_int(json, "flags"),
        .version = { (uint8_t)item_u32(version, 0), (uint8_t)item_u32(version, 1),
                     (uint16_t)item_u32(version, 2), item_u32(version, 3) },
        .pattern = (uint8_t)json_int(json, "seed"),
    };
    char digest[65];

    recipe.prot_count = read_tlvs(json_get(json, "prot"), recipe.prot, prot_values);
    recipe.tlv_count = read_tlvs(json_get(json, "tlvs"), recipe.tlvs, values);
    out->name = json->string;
    out->size = (uint32_t)test_image_size(&recipe);
    out->bytes = malloc(out->size);
    if (!out->bytes) {
        report_fatal("out of memory");
    }
    test_image_build(&recipe, out->bytes);
    report_sha256(out->bytes, out->size, digest);
    if (out->size != (uint32_t)json_int(json, "size") ||
        strcmp(digest, json_str(json, "sha256")) != 0) {
        report_fatal("%s: image %s does not come out as recorded", c->id, out->name);
    }
}

static const struct case_image *image_of(const struct swap_case *c, const char *name)
{
    for (size_t i = 0; i < c->image_count; i++) {
        if (strcmp(c->images[i].name, name) == 0) {
            return &c->images[i];
        }
    }
    report_fatal("%s: no image named %s", c->id, name);
    return NULL;
}

void case_open(struct swap_case *c, const cJSON *json)
{
    const cJSON *image;

    memset(c, 0, sizeof *c);
    c->json = json;
    c->id = json_str(json, "id");
    c->mode = json_str(json, "mode");
    read_config(c);
    cJSON_ArrayForEach(image, json_get(json, "images"))
    {
        if (c->image_count == CASE_IMAGES_MAX) {
            report_fatal("%s: more than %d images", c->id, CASE_IMAGES_MAX);
        }
        build_image(c, image, &c->images[c->image_count++]);
    }
}

void case_close(struct swap_case *c)
{
    for (size_t i = 0; i < c->image_count; i++) {
        free(c->images[i].bytes);
    }
}

bool case_shows(const struct swap_case *c, const char *bug)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(c->json, "bugs"))
    {
        if (strcmp(json_str(entry, "bug"), bug) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Filling flash ---- */

void case_init(const struct swap_case *c, struct world *w)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_get(c->json, "init"))
    {
        if (strcmp(item_str(entry, 0), "image") == 0) {
            const struct case_image *image = image_of(c, item_str(entry, 1));

            boot_world_load(w, case_place(item_str(entry, 2)), item_u32(entry, 3), image->bytes,
                            image->size);
        } else {
            uint8_t bytes[4096];
            size_t len = unhex(item_str(entry, 3), bytes, sizeof bytes);

            boot_world_load(w, case_place(item_str(entry, 1)), item_u32(entry, 2), bytes, len);
        }
    }
}

void case_stage(const struct swap_case *c, struct world *w, const cJSON *step)
{
    const struct case_image *image = image_of(c, json_str(step, "image"));
    enum world_place place = case_place(json_str(step, "area"));
    uint32_t size = w->area[place].size;

    if (dfu_area_erase(&w->area[place], 0, size)) {
        report_fatal("%s: the area to stage in cannot be erased", c->id);
    }
    boot_world_load(w, place, (uint32_t)json_int(step, "offset"), image->bytes, image->size);
}

/* Bytes change behind the flash's back; a unit that then reads erased may be programmed. */
void case_poke(struct world *w, const cJSON *step)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_get(step, "bytes"))
    {
        enum world_place place = case_place(item_str(entry, 1));
        uint8_t *at = boot_world_bytes(w, place) + item_u32(entry, 2);

        if (strcmp(item_str(entry, 0), "fill") == 0) {
            memset(at, (int)item_u32(entry, 4), item_u32(entry, 3));
        } else {
            unhex(item_str(entry, 3), at, w->area[place].size - item_u32(entry, 2));
        }
    }
    dfu_sim_flash_adopt(&w->sim);
}

/* ---- Operations ---- */

static struct case_ops ops_alloc(size_t count)
{
    struct case_ops ops = { calloc(count + 1, sizeof ops.list[0]), 0 };

    if (!ops.list) {
        report_fatal("out of memory");
    }
    return ops;
}

struct case_ops case_ops_of(const cJSON *json)
{
    struct case_ops ops = ops_alloc((size_t)cJSON_GetArraySize(json));
    const cJSON *op;

    cJSON_ArrayForEach(op, json)
    {
        struct case_op *out = &ops.list[ops.count++];

        out->kind = item_str(op, 0)[0];
        out->area = case_place(item_str(op, 1));
        out->off = item_u32(op, 2);
        if (out->kind == 'W') {
            out->hex = item_str(op, 3);
            out->len = (uint32_t)strlen(out->hex) / 2;
        } else {
            out->len = item_u32(op, 3);
        }
        if (out->kind == 'C') {
            out->src = case_place(item_str(op, 4));
            out->src_off = item_u32(op, 5);
        }
    }
    return ops;
}

struct case_ops case_ops_split(const struct case_ops *ops)
{
    struct case_ops split;
    size_t count = 0;

    for (size_t i = 0; i < ops->count; i++) {
        count += ops->list[i].kind == 'C' ? (ops->list[i].len + CASE_CHUNK - 1) / CASE_CHUNK : 1;
    }
    split = ops_alloc(count);
    for (size_t i = 0; i < ops->count; i++) {
        struct case_op op = ops->list[i];
        uint32_t left = op.len;

        do {
            op.len = op.kind == 'C' && left > CASE_CHUNK ? CASE_CHUNK : left;
            split.list[split.count++] = op;
            op.off += op.len;
            op.src_off += op.len;
            left -= op.len;
        } while (left > 0);
    }
    return split;
}

void case_apply(struct world *w, const struct case_op *op)
{
    const struct dfu_area *area = &w->area[op->area];
    uint8_t bytes[CASE_CHUNK];
    int err;

    if (op->kind == 'E') {
        err = dfu_area_erase(area, op->off, op->len);
    } else if (op->kind == 'W') {
        err = dfu_area_write(area, op->off, bytes, unhex(op->hex, bytes, sizeof bytes));
    } else {
        err = dfu_area_read(&w->area[op->src], op->src_off, bytes, op->len);
        if (!err) {
            err = dfu_area_write(area, op->off, bytes, op->len);
        }
    }
    if (err) {
        report_fatal("recorded operation %c %s 0x%x cannot be done", op->kind,
                     boot_world_place_names[op->area], (unsigned)op->off);
    }
}
