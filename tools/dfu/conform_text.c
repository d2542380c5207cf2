/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Texts of rules to packets, answers to texts, and whether the two agree. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conform.h"
#include "dfu/cbor.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define NESTING_MAX 6
#define BYTES       "$x"

/* ---- Variables ---- */

static const struct conform_var *find(const struct conform *c, const char *name, size_t *len)
{
    *len = 0;
    while (islower((unsigned char)name[*len]) || isdigit((unsigned char)name[*len]) ||
           name[*len] == '_') {
        ++*len;
    }
    for (size_t i = 0; i < c->var_count; i++) {
        if (strlen(c->vars[i].name) == *len && strncmp(c->vars[i].name, name, *len) == 0) {
            return &c->vars[i];
        }
    }
    return NULL;
}

static size_t expanded_size(const struct conform *c, const char *text)
{
    size_t size = strlen(text) + 1;

    for (const char *p = text; *p; p++) {
        size_t len;
        const struct conform_var *var = *p == '$' || *p == '#' ? find(c, p + 1, &len) : NULL;

        size += var ? strlen(var->text) : 0;
    }
    return size;
}

cJSON *conform_parse(const struct conform *c, const char *text)
{
    char *json = malloc(expanded_size(c, text)), *out = json;
    cJSON *parsed;

    if (!json) {
        return NULL;
    }
    for (const char *p = text; *p; p++) {
        size_t len;
        const struct conform_var *var = *p == '$' || *p == '#' ? find(c, p + 1, &len) : NULL;

        if (var) {
            memcpy(out, var->text, strlen(var->text));
            out += strlen(var->text);
            p += len;
        } else {
            *out = *p;
            if (*out == '\'') {
                *out = '"';
            }
            out++;
        }
    }
    *out = 0;
    parsed = cJSON_Parse(json);
    free(json);
    return parsed;
}

/* ---- Requests ---- */

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

int conform_hex(const char *text, uint8_t seq, uint8_t *out, size_t cap)
{
    size_t len = 0;

    while (*text) {
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

        if (*text == ' ') {
            text++;
            continue;
        }
        if (low < 0 && (strncmp(text, "ss", 2) == 0 || strncmp(text, "tt", 2) == 0)) {
            high = (seq ^ (*text == 't' ? 0x80 : 0)) >> 4;
            low = seq & 0xf;
        }
        if (len == cap || low < 0) {
            return DFU_ERR_FORMAT;
        }
        out[len++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (int)len;
}

static void put_string(struct dfu_cbor_encoder *enc, const char *text)
{
    size_t len = strlen(text);
    uint8_t *bytes;
    int got;

    if (strncmp(text, BYTES, 2) != 0) {
        dfu_cbor_put_text(enc, text);
        return;
    }
    bytes = malloc(len);
    got = bytes ? conform_hex(text + 2, 0, bytes, len) : DFU_ERR_NOSPACE;
    if (got < 0) {
        enc->err = got;
    } else {
        dfu_cbor_put_bytes(enc, bytes, (size_t)got);
    }
    free(bytes);
}

static void put(struct dfu_cbor_encoder *enc, const cJSON *json)
{
    const cJSON *item;

    if (cJSON_IsObject(json) || cJSON_IsArray(json)) {
        (cJSON_IsObject(json) ? dfu_cbor_begin_map : dfu_cbor_begin_array)(enc);
        cJSON_ArrayForEach(item, json)
        {
            if (item->string) {
                dfu_cbor_put_text(enc, item->string);
            }
            put(enc, item);
        }
        dfu_cbor_end(enc);
    } else if (cJSON_IsString(json)) {
        put_string(enc, json->valuestring);
    } else if (cJSON_IsBool(json)) {
        dfu_cbor_put_bool(enc, cJSON_IsTrue(json));
    } else {
        dfu_cbor_put_int(enc, (int64_t)json->valuedouble);
    }
}

int conform_encode(const cJSON *json, uint8_t *out, size_t cap)
{
    struct dfu_cbor_encoder enc;

    dfu_cbor_encoder_init(&enc, out, cap, true);
    put(&enc, json);
    return dfu_cbor_finish(&enc) ? DFU_ERR_NOSPACE : (int)enc.len;
}

/* ---- Answers ---- */

static cJSON *text_of(struct dfu_cbor_span span, bool is_bytes)
{
    char *text = malloc(2 * span.len + 3);
    cJSON *json = NULL;

    if (text && is_bytes) {
        memcpy(text, BYTES, sizeof(BYTES));
        cli_hex(span.data, span.len, text + 2);
    } else if (text) {
        memcpy(text, span.data, span.len);
        text[span.len] = 0;
        cli_make_utf8(text);
    }
    json = text ? cJSON_CreateString(text) : NULL;
    free(text);
    return json;
}

static cJSON *value_of(struct dfu_cbor_span item, int depth);

static cJSON *container_of(struct dfu_cbor_span item, bool is_map, int depth)
{
    cJSON *json = is_map ? cJSON_CreateObject() : cJSON_CreateArray(), *value = json;
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span key = { 0 }, part;
    int more = is_map ? dfu_cbor_open_map(&walk, item) : dfu_cbor_open_array(&walk, item);

    while (!more && (more = is_map ? dfu_cbor_next_pair(&walk, &key, &part)
                                   : dfu_cbor_next_item(&walk, &part)) == 1) {
        char name[64];

        value = value_of(part, depth + 1);
        if (!value || (is_map && dfu_cbor_text_copy(key, name, sizeof(name)))) {
            cJSON_Delete(value);
            break;
        }
        if (is_map) {
            cJSON_AddItemToObject(json, name, value);
        } else {
            cJSON_AddItemToArray(json, value);
        }
        more = 0;
    }
    if (more || !value) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

static cJSON *value_of(struct dfu_cbor_span item, int depth)
{
    struct dfu_cbor_span span;
    uint64_t number;
    int32_t negative;
    bool flag;

    if (item.len == 0 || depth > NESTING_MAX) {
        return NULL;
    }
    switch (item.data[0] >> 5) {
    case 0:
        return dfu_cbor_decode(item, DFU_CBOR_UINT64, &number) ? NULL
                                                               : cJSON_CreateNumber((double)number);
    case 1:
        return dfu_cbor_decode(item, DFU_CBOR_INT, &negative) ? NULL : cJSON_CreateNumber(negative);
    case 2: return dfu_cbor_decode(item, DFU_CBOR_BYTES, &span) ? NULL : text_of(span, true);
    case 3: return dfu_cbor_decode(item, DFU_CBOR_TEXT, &span) ? NULL : text_of(span, false);
    case 4: return container_of(item, false, depth);
    case 5: return container_of(item, true, depth);
    default: return dfu_cbor_decode(item, DFU_CBOR_BOOL, &flag) ? NULL : cJSON_CreateBool(flag);
    }
}

cJSON *conform_decode(const uint8_t *data, size_t len)
{
    struct dfu_cbor_span item = { data, len };

    /* The walk wants the whole of it to be one map. */
    return len == 0 || data[0] >> 5 != 5 || dfu_cbor_decode_map(item, NULL, 0) ? NULL
                                                                               : value_of(item, 0);
}

/* ---- What was expected ---- */

static bool is_bytes(const cJSON *json)
{
    return cJSON_IsString(json) && strncmp(json->valuestring, BYTES, 2) == 0;
}

static bool is_kind(const char *kind, const cJSON *seen)
{
    switch (kind[0]) {
    case 'u': return cJSON_IsNumber(seen) && seen->valuedouble >= 0;
    case 'i': return cJSON_IsNumber(seen);
    case 't': return cJSON_IsString(seen) && !is_bytes(seen);
    case 'm': return cJSON_IsObject(seen);
    case 'a': return cJSON_IsArray(seen);
    default: return kind[1] == 'y' ? is_bytes(seen) : cJSON_IsBool(seen);
    }
}

static bool is_text(const cJSON *json, const char *text)
{
    return cJSON_IsString(json) && strcmp(json->valuestring, text) == 0;
}

static bool is_like(const cJSON *wanted, const cJSON *seen);

/* What stands under a key's name, less the "?" of one that need not be there. */
static const cJSON *value_under(const cJSON *map, const char *key, bool *is_optional)
{
    char name[32];
    size_t len = strlen(key);

    *is_optional = len > 0 && key[len - 1] == '?';
    snprintf(name, sizeof(name), "%.*s", (int)(len - *is_optional), key);
    return cJSON_GetObjectItemCaseSensitive(map, name);
}

static bool has_all(const cJSON *wanted, const cJSON *seen)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, wanted)
    {
        bool is_optional;
        const cJSON *value = value_under(seen, item->string, &is_optional);
        bool is_absent = is_text(item, "!");

        if (is_absent ? value != NULL : !(is_optional && !value) && !is_like(item, value)) {
            return false;
        }
    }
    return true;
}

static bool is_array_like(const cJSON *wanted, const cJSON *seen)
{
    bool is_one = is_text(cJSON_GetArrayItem(wanted, 0), "~");
    const cJSON *item;

    cJSON_ArrayForEach(item, seen)
    {
        if (is_like(cJSON_GetArrayItem(wanted, is_one), item) == is_one) {
            return is_one;
        }
    }
    return cJSON_IsArray(seen) && !is_one;
}

static bool is_like(const cJSON *wanted, const cJSON *seen)
{
    if (!seen) {
        return false;
    }
    if (cJSON_IsString(wanted) && wanted->valuestring[0] == '?') {
        return is_kind(wanted->valuestring + 1, seen);
    }
    if (cJSON_IsString(wanted) && wanted->valuestring[0] == '^') {
        return cJSON_IsString(seen) && strncmp(seen->valuestring, wanted->valuestring + 1,
                                               strlen(wanted->valuestring) - 1) == 0;
    }
    if (cJSON_IsObject(wanted)) {
        return cJSON_IsObject(seen) && has_all(wanted, seen);
    }
    return cJSON_IsArray(wanted) ? is_array_like(wanted, seen) : cJSON_Compare(wanted, seen, true);
}

bool conform_number(const char **text, const char *before, unsigned *out)
{
    const char *p = *text;
    char *end;

    if (*before && (!*p || !strchr(before, *p))) {
        return false;
    }
    p += *before ? 1 : 0;
    *out = (unsigned)strtoul(p, &end, 10);
    *text = end;
    return end != p;
}

/* The number under "rc"; -1 without one. */
static double rc_of(const cJSON *map)
{
    const cJSON *rc = cJSON_GetObjectItemCaseSensitive(map, "rc");

    return cJSON_IsNumber(rc) ? rc->valuedouble : -1;
}

static bool is_refused(const cJSON *answer)
{
    return cJSON_HasObjectItem(answer, "err") || rc_of(answer) > 0;
}

struct conform_error {
    unsigned group, rc, v1; /* v1: what version 1 hears instead */
};

static bool is_error(const struct conform *c, const cJSON *answer, const struct conform_error *e)
{
    const cJSON *err = cJSON_GetObjectItemCaseSensitive(answer, "err");
    const cJSON *group = cJSON_GetObjectItemCaseSensitive(err, "group");

    if (c->version == DFU_SMP_V1) {
        return !err && rc_of(answer) == e->v1;
    }
    return cJSON_IsNumber(group) && group->valuedouble == e->group && rc_of(err) == e->rc;
}

static bool matches_one(const struct conform *c, const char *expect, const cJSON *answer)
{
    const cJSON *err = cJSON_GetObjectItemCaseSensitive(answer, "err");
    const char *number = expect;
    unsigned group, rc, v1;
    cJSON *wanted;
    bool is_match;

    if (strcmp(expect, "no answer") == 0 || !answer) {
        return strcmp(expect, "no answer") == 0 && !answer;
    }
    if (strcmp(expect, "refused") == 0) {
        return is_refused(answer);
    }
    if (strncmp(expect, "rc ", 3) == 0) {
        number += 3;
        return conform_number(&number, "", &rc) && !err && rc_of(answer) == rc;
    }
    if (strncmp(expect, "err ", 4) == 0) {
        number += 4;
        if (!conform_number(&number, "", &group) || !conform_number(&number, ":", &rc) ||
            !conform_number(&number, "=", &v1)) {
            return false;
        }
        return is_error(c, answer, &(struct conform_error){ group, rc, v1 });
    }
    wanted = conform_parse(c, expect);
    is_match = wanted && !is_refused(answer) && is_like(wanted, answer);
    cJSON_Delete(wanted);
    return is_match;
}

bool conform_matches(const struct conform *c, const char *expect, const cJSON *answer)
{
    char one[CONFORM_TEXT];

    while (expect) {
        const char *end = strstr(expect, " | ");

        snprintf(one, sizeof(one), "%.*s", end ? (int)(end - expect) : (int)strlen(expect), expect);
        if (matches_one(c, one, answer)) {
            return true;
        }
        expect = end ? end + 3 : NULL;
    }
    return false;
}
