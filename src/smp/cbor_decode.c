/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What lies between the items that are asked for is walked with an explicit stack, because a message
 * of 2 KiB can nest two thousand levels. */
#include <string.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "smp/cbor_head.h"
#include "smp/fixed.h"

#define UNTIL_BREAK SIZE_MAX

/* A number in halves; the lower is the bytes of a string, or the items of an array or map, which has
 * two for each that it counts. */
struct head {
    uint8_t major; /* enum cbor_major */
    uint32_t high;
    size_t low;
};

/* Whether there is room behind a head for one byte of each that it counts. So no count reads as
 * UNTIL_BREAK. */
static bool check_size(struct head *head, size_t room)
{
    if (head->major == CBOR_TAG) {
        return head->high == 0;
    }
    if (head->high > 0 || head->low > room) {
        return false;
    }
    if (head->major == CBOR_MAP) {
        head->low *= 2;
    }
    return true;
}

/* The head at pos, and where it ends; NULL if it is none, or says more than follows. */
static const uint8_t *take_head(const uint8_t *pos, const uint8_t *end, struct head *out)
{
    uint32_t high = 0, low;
    uint8_t major;

    if (pos == end) {
        return NULL;
    }
    major = (uint8_t)(*pos >> CBOR_MAJOR_SHIFT);
    low = *pos++ & CBOR_BELOW;
    out->major = major;
    out->low = UNTIL_BREAK;
    if (low == CBOR_INDEFINITE && (major == CBOR_ARRAY || major == CBOR_MAP)) {
        return pos;
    }
    if (low > CBOR_MORE_8) {
        return NULL;
    }
    if (low >= CBOR_MORE_1) {
        size_t more = (size_t)1 << (low - CBOR_MORE_1);

        if (more > (size_t)(end - pos)) {
            return NULL;
        }
        for (low = 0; more > 0; more--) {
            high = high << 8 | low >> 24;
            low = low << 8 | *pos++;
        }
    }
    out->high = high;
    out->low = low;
    if (major >= CBOR_BYTES && major <= CBOR_TAG && !check_size(out, (size_t)(end - pos))) {
        return NULL;
    }
    return pos;
}

/* Whether a level has another item, which is then counted; else its break is taken. */
static bool has_item(const uint8_t **pos, const uint8_t *end, size_t *left)
{
    if (*left == UNTIL_BREAK) {
        if (*pos == end || **pos != CBOR_BREAK) {
            return true;
        }
        (*pos)++;
        *left = 0;
    }
    if (*left == 0) {
        return false;
    }
    (*left)--;
    return true;
}

/* Where the item at pos ends, with everything in it; NULL if it does not. */
static const uint8_t *skip(const uint8_t *pos, const uint8_t *end)
{
    size_t left[DFU_CBOR_NESTING_MAX + 1];
    size_t depth = 0;

    left[0] = 1; /* the item itself */
    for (;;) {
        struct head head;

        while (!has_item(&pos, end, &left[depth])) {
            if (depth-- == 0) {
                return pos;
            }
        }
        do {
            pos = take_head(pos, end, &head);
        } while (pos && head.major == CBOR_TAG);
        if (!pos) {
            return NULL;
        }
        if (head.major == CBOR_ARRAY || head.major == CBOR_MAP) {
            if (depth == DFU_CBOR_NESTING_MAX) {
                return NULL;
            }
            left[++depth] = head.low;
        } else if (head.major == CBOR_BYTES || head.major == CBOR_TEXT) {
            pos += head.low;
        }
    }
}

static bool text_equals(struct dfu_cbor_span text, const char *expected)
{
    size_t i = 0;

    while (i < text.len && expected[i] != '\0' && text.data[i] == (uint8_t)expected[i]) {
        i++;
    }
    return i == text.len && expected[i] == '\0';
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

/* ---- One item, which is whole ---- */

#define SIGN_BIT 0x80000000u /* of either half: one that is set is beyond a signed number */

static bool decode_number(const struct head *head, enum dfu_cbor_type type, void *out)
{
    bool is_wide = type == DFU_CBOR_UINT64 || type == DFU_CBOR_INT64;
    bool is_signed = type == DFU_CBOR_INT || type == DFU_CBOR_INT64;
    uint32_t high = head->high, low = (uint32_t)head->low;

    if ((is_wide || is_signed) && !fixed_wide_numbers()) {
        return false;
    }
    if (head->major > (is_signed ? CBOR_NEGATIVE : CBOR_UNSIGNED) || (high > 0 && !is_wide) ||
        (is_signed && ((is_wide ? high : low) & SIGN_BIT) != 0)) {
        return false;
    }
    if (head->major == CBOR_NEGATIVE) { /* -1 - value */
        high = ~high;
        low = ~low;
    }
    if (is_wide) {
        *(uint64_t *)out = (uint64_t)high << 32 | low;
    } else {
        *(uint32_t *)out = low;
    }
    return true;
}

static bool decode_bool(uint8_t first, bool *out)
{
    const uint8_t no = CBOR_SIMPLE << CBOR_MAJOR_SHIFT | CBOR_FALSE;

    if (first != no && first != no + 1) {
        return false;
    }
    *out = first != no;
    return true;
}

static bool take_span(struct dfu_cbor_span span, bool is_right, struct dfu_cbor_span *out)
{
    if (is_right) {
        *out = span;
    }
    return is_right;
}

static bool decode_as(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out)
{
    struct head head = { 0 };
    const uint8_t *content = take_head(item.data, item.data + item.len, &head);
    struct dfu_cbor_span string = { content, head.low };
    uint32_t number;

    switch (type) {
    case DFU_CBOR_FLAG:
        if (decode_number(&head, DFU_CBOR_UINT, &number)) {
            *(bool *)out = number != 0;
            return true;
        }
        return decode_bool(item.data[0], out);
    case DFU_CBOR_BOOL: return decode_bool(item.data[0], out);
    case DFU_CBOR_BYTES: return take_span(string, head.major == CBOR_BYTES, out);
    case DFU_CBOR_TEXT: return take_span(string, head.major == CBOR_TEXT, out);
    case DFU_CBOR_MAP: return take_span(item, head.major == CBOR_MAP, out);
    case DFU_CBOR_ARRAY: return take_span(item, head.major == CBOR_ARRAY, out);
    case DFU_CBOR_ANY: return take_span(item, true, out);
    default: return decode_number(&head, type, out);
    }
}

/* item without what may follow it. */
static bool trim(struct dfu_cbor_span *item)
{
    const uint8_t *end = item->len > 0 ? skip(item->data, item->data + item->len) : NULL;

    if (end) {
        item->len = (size_t)(end - item->data);
    }
    return end != NULL;
}

int dfu_cbor_decode(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out)
{
    return trim(&item) && decode_as(item, type, out) ? 0 : DFU_ERR_FORMAT;
}

/* ---- Maps and arrays ---- */

static int open_walk(struct dfu_cbor_walk *walk, struct dfu_cbor_span item, uint8_t major)
{
    struct head head;

    if (item.len == 0) {
        return DFU_ERR_FORMAT;
    }
    walk->end = item.data + item.len;
    walk->pos = take_head(item.data, walk->end, &head);
    if (!walk->pos || head.major != major) {
        return DFU_ERR_FORMAT;
    }
    walk->left = head.low;
    return 0;
}

int dfu_cbor_open_array(struct dfu_cbor_walk *walk, struct dfu_cbor_span array)
{
    return open_walk(walk, array, CBOR_ARRAY);
}

int dfu_cbor_open_map(struct dfu_cbor_walk *walk, struct dfu_cbor_span map)
{
    return open_walk(walk, map, CBOR_MAP);
}

int dfu_cbor_next_item(struct dfu_cbor_walk *walk, struct dfu_cbor_span *item)
{
    if (!has_item(&walk->pos, walk->end, &walk->left)) {
        return 0;
    }
    *item = (struct dfu_cbor_span){ walk->pos, (size_t)(walk->end - walk->pos) };
    if (!trim(item)) {
        return DFU_ERR_FORMAT;
    }
    walk->pos += item->len;
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
