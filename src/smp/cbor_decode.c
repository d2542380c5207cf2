/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* zcbor reads numbers, and so lengths and counts; what lies between is walked here with an explicit
 * stack, because zcbor's own skip recurses as deep as the message says. */
#include <string.h>

#include <zcbor_decode.h>

#include "dfu/cbor.h"
#include "dfu/err.h"

#define UNTIL_BREAK     SIZE_MAX
#define BREAK           0xffu
#define HEAD_MAX        9u
#define ADDITIONAL_MASK 0x1fu /* what of a head's first byte is not the major type */

static struct dfu_cbor_span rest(const uint8_t *pos, const uint8_t *end)
{
    return (struct dfu_cbor_span){ pos, (size_t)(end - pos) };
}

static zcbor_major_type_t major_of(struct dfu_cbor_span item)
{
    return ZCBOR_MAJOR_TYPE(item.data[0]);
}

/* How many bytes the head at the front of item takes, which is all of a number or simple value; 0 if
 * it is not whole. */
static size_t head_size(struct dfu_cbor_span item)
{
    uint8_t additional = item.len > 0 ? ZCBOR_ADDITIONAL(item.data[0]) : 0;
    size_t size = 1;

    if (additional > ZCBOR_VALUE_IS_8_BYTES) {
        return 0;
    }
    if (additional > ZCBOR_VALUE_IN_HEADER) {
        size += 1u << (additional - ZCBOR_VALUE_IS_1_BYTE);
    }
    return size <= item.len ? size : 0;
}

/* A length, count or tag: it is encoded as an unsigned of another major type. The bytes it took; 0 if
 * it is none, or too large for anything. */
static size_t take_count(struct dfu_cbor_span item, uint32_t *count)
{
    size_t size = head_size(item);
    uint8_t head[HEAD_MAX];
    zcbor_state_t state;
    uint64_t value;

    if (size == 0) {
        return 0;
    }
    memcpy(head, item.data, size);
    head[0] &= ADDITIONAL_MASK;
    zcbor_new_decode_state(&state, 1, head, size, 1, NULL, 0);
    if (!zcbor_uint64_decode(&state, &value) || value > UINT32_MAX) {
        return 0;
    }
    *count = (uint32_t)value;
    return size;
}

/* Decode a number at the front of item; how many bytes it took, 0 if it is none such. */
static size_t take(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out)
{
    zcbor_state_t state;
    bool ok = false;

    zcbor_new_decode_state(&state, 1, item.data, item.len, 1, NULL, 0);
    switch (type) {
    case DFU_CBOR_UINT: ok = zcbor_uint32_decode(&state, out); break;
    case DFU_CBOR_UINT64: ok = zcbor_uint64_decode(&state, out); break;
    case DFU_CBOR_INT: ok = zcbor_int32_decode(&state, out); break;
    case DFU_CBOR_INT64: ok = zcbor_int64_decode(&state, out); break;
    case DFU_CBOR_BOOL: ok = zcbor_bool_decode(&state, out); break;
    default: break;
    }
    return ok ? (size_t)(state.payload - item.data) : 0;
}

/* The same for a string, which is *out then. */
static size_t take_string(struct dfu_cbor_span item, struct dfu_cbor_span *out)
{
    uint32_t len;
    size_t head = take_count(item, &len);

    if (head == 0 || len > item.len - head) {
        return 0;
    }
    *out = (struct dfu_cbor_span){ item.data + head, len };
    return head + len;
}

/* Enter a map or array: *pos moves behind its head. A count that the rest of the message cannot
 * hold is refused here, so that no count reads as UNTIL_BREAK. */
static int enter(const uint8_t **pos, const uint8_t *end, bool is_map, size_t *left)
{
    struct dfu_cbor_span item = rest(*pos, end);
    uint32_t count;
    size_t head;

    if (item.len == 0 ||
        major_of(item) != (is_map ? ZCBOR_MAJOR_TYPE_MAP : ZCBOR_MAJOR_TYPE_LIST)) {
        return DFU_ERR_FORMAT;
    }
    if (ZCBOR_ADDITIONAL(item.data[0]) == ZCBOR_VALUE_IS_INDEFINITE_LENGTH) {
        (*pos)++;
        *left = UNTIL_BREAK;
        return 0;
    }
    head = take_count(item, &count);
    if (head == 0 || count > (item.len - head) / (is_map ? 2 : 1)) {
        return DFU_ERR_FORMAT;
    }
    *pos += head;
    *left = is_map ? 2 * (size_t)count : count;
    return 0;
}

/* Take one head: a whole scalar or string (*is_container false), or the head of a map or array. */
static int skip_head(const uint8_t **pos, const uint8_t *end, bool *is_container, size_t *left)
{
    struct dfu_cbor_span item = rest(*pos, end), string;
    size_t taken;

    while (item.len > 0 && major_of(item) == ZCBOR_MAJOR_TYPE_TAG) {
        uint32_t tag;

        taken = take_count(item, &tag);
        if (taken == 0) {
            return DFU_ERR_FORMAT;
        }
        item = rest(item.data + taken, end);
    }
    if (item.len == 0) {
        return DFU_ERR_FORMAT;
    }
    *pos = item.data;
    *is_container = false;
    switch (major_of(item)) {
    case ZCBOR_MAJOR_TYPE_MAP:
    case ZCBOR_MAJOR_TYPE_LIST:
        *is_container = true;
        return enter(pos, end, major_of(item) == ZCBOR_MAJOR_TYPE_MAP, left);
    case ZCBOR_MAJOR_TYPE_BSTR:
    case ZCBOR_MAJOR_TYPE_TSTR: taken = take_string(item, &string); break;
    default: taken = head_size(item); break;
    }
    *pos += taken;
    return taken > 0 ? 0 : DFU_ERR_FORMAT;
}

/* Whether the innermost level ends here; takes its break. */
static bool at_end(const uint8_t **pos, const uint8_t *end, size_t left)
{
    if (left != UNTIL_BREAK) {
        return left == 0;
    }
    if (*pos < end && **pos == BREAK) {
        (*pos)++;
        return true;
    }
    return false;
}

/* One item of this level is done. */
static void count_down(size_t *left)
{
    if (*left != UNTIL_BREAK) {
        (*left)--;
    }
}

/* Move *pos behind one item with everything in it. */
static int skip(const uint8_t **pos, const uint8_t *end)
{
    size_t left[DFU_CBOR_NESTING_MAX + 1] = { 1 }; /* level 0 holds the item itself */
    size_t depth = 0;

    while (left[0] > 0) {
        size_t count = 0;
        bool is_container;
        int err = skip_head(pos, end, &is_container, &count);

        if (err) {
            return err;
        }
        if (is_container && depth == DFU_CBOR_NESTING_MAX) {
            return DFU_ERR_FORMAT;
        }
        if (is_container) {
            left[++depth] = count;
        } else {
            count_down(&left[depth]);
        }
        while (depth > 0 && at_end(pos, end, left[depth])) {
            count_down(&left[--depth]);
        }
    }
    return 0;
}

static int open_walk(struct dfu_cbor_walk *walk, struct dfu_cbor_span item, bool is_map)
{
    if (item.len == 0) {
        return DFU_ERR_FORMAT;
    }
    walk->pos = item.data;
    walk->end = item.data + item.len;
    return enter(&walk->pos, walk->end, is_map, &walk->left);
}

static bool text_equals(struct dfu_cbor_span text, const char *expected)
{
    return text.len == strlen(expected) &&
           (text.len == 0 || memcmp(text.data, expected, text.len) == 0);
}

static struct dfu_cbor_key *find_key(struct dfu_cbor_span name, struct dfu_cbor_key *keys,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equals(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool decode_string(struct dfu_cbor_span item, zcbor_major_type_t major,
                          struct dfu_cbor_span *out)
{
    return item.len > 0 && major_of(item) == major && take_string(item, out) > 0;
}

static bool decode_flag(struct dfu_cbor_span item, bool *out)
{
    uint32_t number;

    if (take(item, DFU_CBOR_BOOL, out) > 0) {
        return true;
    }
    if (take(item, DFU_CBOR_UINT, &number) == 0) {
        return false;
    }
    *out = number != 0;
    return true;
}

/* item without what may follow it; its type is checked by the major type of its first byte. */
static bool decode_nested(struct dfu_cbor_span item, int major, struct dfu_cbor_span *out)
{
    const uint8_t *pos = item.data;

    if (item.len == 0 || (major >= 0 && (int)major_of(item) != major) ||
        skip(&pos, item.data + item.len)) {
        return false;
    }
    *out = (struct dfu_cbor_span){ item.data, (size_t)(pos - item.data) };
    return true;
}

static bool decode_as(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out)
{
    switch (type) {
    case DFU_CBOR_UINT:
    case DFU_CBOR_UINT64:
    case DFU_CBOR_INT:
    case DFU_CBOR_INT64:
    case DFU_CBOR_BOOL: return take(item, type, out) > 0;
    case DFU_CBOR_FLAG: return decode_flag(item, out);
    case DFU_CBOR_BYTES: return decode_string(item, ZCBOR_MAJOR_TYPE_BSTR, out);
    case DFU_CBOR_TEXT: return decode_string(item, ZCBOR_MAJOR_TYPE_TSTR, out);
    case DFU_CBOR_MAP: return decode_nested(item, ZCBOR_MAJOR_TYPE_MAP, out);
    case DFU_CBOR_ARRAY: return decode_nested(item, ZCBOR_MAJOR_TYPE_LIST, out);
    case DFU_CBOR_ANY: return decode_nested(item, -1, out);
    }
    return false;
}

int dfu_cbor_decode(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out)
{
    return decode_as(item, type, out) ? 0 : DFU_ERR_FORMAT;
}

int dfu_cbor_open_array(struct dfu_cbor_walk *walk, struct dfu_cbor_span array)
{
    return open_walk(walk, array, false);
}

int dfu_cbor_open_map(struct dfu_cbor_walk *walk, struct dfu_cbor_span map)
{
    return open_walk(walk, map, true);
}

int dfu_cbor_next_item(struct dfu_cbor_walk *walk, struct dfu_cbor_span *item)
{
    const uint8_t *start;
    int err;

    if (at_end(&walk->pos, walk->end, walk->left)) {
        walk->left = 0;
        return 0;
    }
    start = walk->pos;
    err = skip(&walk->pos, walk->end);
    if (err) {
        return err;
    }
    if (walk->left != UNTIL_BREAK) {
        walk->left--;
    }
    *item = (struct dfu_cbor_span){ start, (size_t)(walk->pos - start) };
    return 1;
}

int dfu_cbor_next_pair(struct dfu_cbor_walk *walk, struct dfu_cbor_span *key,
                       struct dfu_cbor_span *value)
{
    struct dfu_cbor_span item = { 0 };
    int more = dfu_cbor_next_item(walk, &item);

    if (more <= 0) {
        return more;
    }
    if (!decode_as(item, DFU_CBOR_TEXT, key)) {
        return DFU_ERR_FORMAT;
    }
    more = dfu_cbor_next_item(walk, value);
    return more == 0 ? DFU_ERR_FORMAT : more; /* a key without a value */
}

int dfu_cbor_decode_map(struct dfu_cbor_span map, struct dfu_cbor_key *keys, size_t count)
{
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span name = { 0 }, value = { 0 };
    int err = dfu_cbor_open_map(&walk, map);

    for (size_t i = 0; i < count; i++) {
        keys[i].found = false;
    }
    if (err) {
        return err;
    }
    for (;;) {
        int more = dfu_cbor_next_pair(&walk, &name, &value);
        struct dfu_cbor_key *key;

        if (more <= 0) {
            return more;
        }
        key = find_key(name, keys, count);
        if (!key) {
            continue;
        }
        if (key->found || !decode_as(value, key->type, key->out)) {
            return DFU_ERR_FORMAT;
        }
        key->found = true;
    }
}

bool dfu_cbor_text_is(struct dfu_cbor_span text, const char *expected)
{
    return text_equals(text, expected);
}

int dfu_cbor_text_copy(struct dfu_cbor_span text, char *buf, size_t cap)
{
    if (cap == 0) {
        return DFU_ERR_NOSPACE;
    }
    buf[0] = '\0';
    if (text.len >= cap) {
        return DFU_ERR_NOSPACE;
    }
    if (text.len > 0) {
        memcpy(buf, text.data, text.len);
    }
    buf[text.len] = '\0';
    return 0;
}
