/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A counted container gets its count at its end: one byte of room is kept for the head, and what it
 * holds moves up if the count needs more. */
#include <string.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "smp/cbor_head.h"
#include "smp/fixed.h"

static uint8_t first_byte(uint8_t major, uint8_t below)
{
    return (uint8_t)(major << CBOR_MAJOR_SHIFT | below);
}

/* The shortest head that says value; how many bytes it takes. */
static size_t make_head(uint8_t major, uint64_t value, uint8_t out[CBOR_HEAD_MAX])
{
    uint32_t high = fixed_wide_numbers() ? (uint32_t)(value >> 32) : 0, low = (uint32_t)value;
    uint8_t below;
    size_t more;

    if (high > 0) {
        below = CBOR_MORE_8;
    } else if (low > UINT16_MAX) {
        below = CBOR_MORE_4;
    } else if (low > UINT8_MAX) {
        below = CBOR_MORE_2;
    } else {
        below = low < CBOR_MORE_1 ? (uint8_t)low : CBOR_MORE_1;
    }
    out[0] = first_byte(major, below);
    more = below < CBOR_MORE_1 ? 0 : (size_t)1 << (below - CBOR_MORE_1);
    for (size_t i = more; i > 0; i--) {
        out[i] = (uint8_t)low;
        low = low >> 8 | high << 24;
        high >>= 8;
    }
    return more + 1;
}

/* Only those that are counted ask how many. */
static void count_item(struct dfu_cbor_encoder *enc)
{
    if (fixed_definite_lengths(enc) && enc->depth > 0) {
        enc->open[enc->depth - 1].items++;
    }
}

/* The head of an item whose len bytes of content fit behind it. */
static bool put_head(struct dfu_cbor_encoder *enc, uint8_t major, uint64_t value, size_t len)
{
    uint8_t head[CBOR_HEAD_MAX];
    size_t size = make_head(major, value, head);
    size_t room = enc->cap - enc->len;

    if (enc->err) {
        return false;
    }
    if (size > room || len > room - size) {
        enc->err = DFU_ERR_NOSPACE;
        return false;
    }
    memcpy(enc->buf + enc->len, head, size);
    enc->len += size;
    count_item(enc);
    return true;
}

static void put_byte(struct dfu_cbor_encoder *enc, uint8_t byte)
{
    if (enc->len == enc->cap) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    enc->buf[enc->len++] = byte;
}

static void begin(struct dfu_cbor_encoder *enc, uint8_t major)
{
    if (enc->err) {
        return;
    }
    if (enc->depth == DFU_CBOR_NESTING_MAX) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    count_item(enc);
    if (fixed_definite_lengths(enc)) {
        enc->open[enc->depth].start = (uint32_t)enc->len;
        enc->open[enc->depth].items = 0;
    }
    enc->depth++;
    put_byte(enc, first_byte(major, CBOR_INDEFINITE));
}

/* Replace the one-byte head at start by a counted one. */
static void count_up(struct dfu_cbor_encoder *enc, uint32_t start, uint32_t items)
{
    uint8_t major = (uint8_t)(enc->buf[start] >> CBOR_MAJOR_SHIFT);
    uint8_t head[CBOR_HEAD_MAX];
    size_t more = make_head(major, major == CBOR_MAP ? items / 2 : items, head) - 1;

    if (more > enc->cap - enc->len) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    memmove(enc->buf + start + 1 + more, enc->buf + start + 1, enc->len - start - 1);
    memcpy(enc->buf + start, head, more + 1);
    enc->len += more;
}

void dfu_cbor_encoder_init(struct dfu_cbor_encoder *enc, uint8_t *buf, size_t cap,
                           bool definite_lengths)
{
    *enc =
        (struct dfu_cbor_encoder){ .buf = buf, .cap = cap, .definite_lengths = definite_lengths };
}

void dfu_cbor_begin_map(struct dfu_cbor_encoder *enc)
{
    begin(enc, CBOR_MAP);
}

void dfu_cbor_begin_array(struct dfu_cbor_encoder *enc)
{
    begin(enc, CBOR_ARRAY);
}

void dfu_cbor_end(struct dfu_cbor_encoder *enc)
{
    if (enc->err) {
        return;
    }
    if (enc->depth == 0) {
        enc->err = DFU_ERR_STATE;
        return;
    }
    enc->depth--;
    if (fixed_definite_lengths(enc)) {
        count_up(enc, enc->open[enc->depth].start, enc->open[enc->depth].items);
        return;
    }
    put_byte(enc, CBOR_BREAK);
}

void dfu_cbor_put_uint(struct dfu_cbor_encoder *enc, uint64_t value)
{
    (void)put_head(enc, CBOR_UNSIGNED, value, 0);
}

void dfu_cbor_put_int(struct dfu_cbor_encoder *enc, int64_t value)
{
    if (value < 0) {
        (void)put_head(enc, CBOR_NEGATIVE, ~(uint64_t)value, 0);
    } else {
        (void)put_head(enc, CBOR_UNSIGNED, (uint64_t)value, 0);
    }
}

void dfu_cbor_put_bool(struct dfu_cbor_encoder *enc, bool value)
{
    (void)put_head(enc, CBOR_SIMPLE, value ? CBOR_TRUE : CBOR_FALSE, 0);
}

/* Room for the bytes of a string, behind its head. NULL: none. */
static uint8_t *reserve(struct dfu_cbor_encoder *enc, uint8_t major, size_t len)
{
    uint8_t *room;

    if (!put_head(enc, major, len, len)) {
        return NULL;
    }
    room = enc->buf + enc->len;
    enc->len += len;
    return room;
}

static void put_string(struct dfu_cbor_encoder *enc, uint8_t major, const void *data, size_t len)
{
    uint8_t *room = reserve(enc, major, len);

    if (room && len > 0) {
        memmove(room, data, len); /* which may lie in the same buffer, further on */
    }
}

void dfu_cbor_put_bytes(struct dfu_cbor_encoder *enc, const void *data, size_t len)
{
    put_string(enc, CBOR_BYTES, data, len);
}

uint8_t *dfu_cbor_reserve_bytes(struct dfu_cbor_encoder *enc, size_t len)
{
    return reserve(enc, CBOR_BYTES, len);
}

void dfu_cbor_put_text(struct dfu_cbor_encoder *enc, const char *text)
{
    dfu_cbor_put_text_n(enc, text, strlen(text));
}

void dfu_cbor_put_text_n(struct dfu_cbor_encoder *enc, const char *text, size_t len)
{
    put_string(enc, CBOR_TEXT, text, len);
}

void dfu_cbor_pair_uint(struct dfu_cbor_encoder *enc, const char *key, uint64_t value)
{
    dfu_cbor_put_text(enc, key);
    dfu_cbor_put_uint(enc, value);
}

void dfu_cbor_pair_int(struct dfu_cbor_encoder *enc, const char *key, int64_t value)
{
    dfu_cbor_put_text(enc, key);
    dfu_cbor_put_int(enc, value);
}

void dfu_cbor_pair_bool(struct dfu_cbor_encoder *enc, const char *key, bool value)
{
    dfu_cbor_put_text(enc, key);
    dfu_cbor_put_bool(enc, value);
}

void dfu_cbor_pair_bytes(struct dfu_cbor_encoder *enc, const char *key, const void *data,
                         size_t len)
{
    dfu_cbor_put_text(enc, key);
    dfu_cbor_put_bytes(enc, data, len);
}

void dfu_cbor_pair_text(struct dfu_cbor_encoder *enc, const char *key, const char *text)
{
    dfu_cbor_put_text(enc, key);
    dfu_cbor_put_text(enc, text);
}

int dfu_cbor_finish(const struct dfu_cbor_encoder *enc)
{
    if (enc->err) {
        return enc->err;
    }
    return enc->depth > 0 ? DFU_ERR_STATE : 0;
}
