/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "frame_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dfu/cbor.h"
#include "dfu/smp.h"

#define BYTES_SHOWN 24u

struct name {
    uint16_t group;
    uint8_t id;
    const char *text;
};

static const struct name names[] = {
    { 0, 0, "os echo" },         { 0, 1, "os echo control" }, { 0, 2, "os taskstat" },
    { 0, 3, "os mpstat" },       { 0, 4, "os datetime" },     { 0, 5, "os reset" },
    { 0, 6, "os params" },       { 0, 7, "os info" },         { 0, 8, "os bootinfo" },
    { 1, 0, "image state" },     { 1, 1, "image upload" },    { 1, 3, "image core list" },
    { 1, 4, "image core load" }, { 1, 5, "image erase" },     { 1, 6, "image slots" },
    { 2, 0, "stat show" },       { 2, 1, "stat list" },       { 3, 0, "settings value" },
    { 3, 1, "settings delete" }, { 3, 2, "settings commit" }, { 3, 3, "settings store" },
    { 4, 0, "log show" },        { 4, 1, "log clear" },       { 4, 3, "log modules" },
    { 4, 4, "log levels" },      { 4, 5, "log list" },        { 5, 0, "crash" },
    { 7, 0, "run test" },        { 7, 1, "run list" },        { 8, 0, "fs file" },
    { 8, 1, "fs status" },       { 8, 2, "fs hash" },         { 8, 3, "fs hash types" },
    { 8, 4, "fs close" },        { 9, 0, "shell" },           { 10, 0, "enum count" },
    { 10, 1, "enum list" },      { 10, 2, "enum single" },    { 10, 3, "enum details" },
    { 63, 0, "storage erase" },
};

const char *frame_command(uint16_t group, uint8_t id)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].group == group && names[i].id == id) {
            return names[i].text;
        }
    }
    return NULL;
}

static void put_text(FILE *out, struct dfu_cbor_span text)
{
    putc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '"' || c == '\\') {
            putc('\\', out);
        }
        putc(c < ' ' || c == 0x7f ? '?' : c, out);
    }
    putc('"', out);
}

static void put_bytes(FILE *out, struct dfu_cbor_span bytes)
{
    fputs("h'", out);
    for (size_t i = 0; i < bytes.len && i < BYTES_SHOWN; i++) {
        fprintf(out, "%02x", bytes.data[i]);
    }
    if (bytes.len > BYTES_SHOWN) {
        fprintf(out, "...' %zu bytes", bytes.len);
    } else {
        putc('\'', out);
    }
}

static void put_item(FILE *out, struct dfu_cbor_span item, unsigned depth);

static void put_list(FILE *out, struct dfu_cbor_span item, unsigned depth, bool is_map)
{
    struct dfu_cbor_span key, value;
    struct dfu_cbor_walk walk;
    bool is_first = true;
    int more = is_map ? dfu_cbor_open_map(&walk, item) : dfu_cbor_open_array(&walk, item);

    putc(is_map ? '{' : '[', out);
    while (more >= 0 && (more = is_map ? dfu_cbor_next_pair(&walk, &key, &value)
                                       : dfu_cbor_next_item(&walk, &value)) > 0) {
        fputs(is_first ? "" : ", ", out);
        is_first = false;
        if (is_map) {
            put_text(out, key);
            fputs(": ", out);
        }
        put_item(out, value, depth + 1);
    }
    fputs(more < 0 ? "?" : "", out);
    putc(is_map ? '}' : ']', out);
}

static void put_item(FILE *out, struct dfu_cbor_span item, unsigned depth)
{
    unsigned major = item.len > 0 ? item.data[0] >> 5 : 7;
    struct dfu_cbor_span span;
    uint64_t number;
    int32_t negative;
    bool flag;

    if ((major == 4 || major == 5) && depth <= DFU_CBOR_NESTING_MAX) {
        put_list(out, item, depth, major == 5);
    } else if (dfu_cbor_decode(item, DFU_CBOR_UINT64, &number) == 0) {
        fprintf(out, "%" PRIu64, number);
    } else if (dfu_cbor_decode(item, DFU_CBOR_INT, &negative) == 0) {
        fprintf(out, "%d", (int)negative);
    } else if (dfu_cbor_decode(item, DFU_CBOR_BYTES, &span) == 0) {
        put_bytes(out, span);
    } else if (dfu_cbor_decode(item, DFU_CBOR_TEXT, &span) == 0) {
        put_text(out, span);
    } else if (dfu_cbor_decode(item, DFU_CBOR_BOOL, &flag) == 0) {
        fputs(flag ? "true" : "false", out);
    } else {
        putc('?', out);
    }
}

char *frame_body_text(const uint8_t *body, size_t len)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        return NULL;
    }
    if (len > 0) {
        put_item(out, (struct dfu_cbor_span){ body, len }, 0);
    }
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
