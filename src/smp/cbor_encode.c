/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* zcbor chooses between definite and indefinite lengths when it is compiled; here it is a field.
 * A counted container gets its count at its end: one byte of room is kept for the head, and what
 * it holds moves up if the count needs more. */
#include <string.h>

#include <zcbor_encode.h>

#include "dfu/cbor.h"
#include "dfu/err.h"
#include "smp/fixed.h"

#define HEAD_MAX   9u
#define MAP_HEAD   0xa0u /* major type 5 */
#define ARRAY_HEAD 0x80u /* major type 4 */
#define BYTES_HEAD 0x40u /* major type 2 */
#define TEXT_HEAD  0x60u /* major type 3 */
#define MAJOR_MASK 0xe0u

static void count_item(struct dfu_cbor_encoder *enc)
{
    if (enc->depth > 0) {
        enc->open[enc->depth - 1].items++;
    }
}

/* A zcbor state over the room that is left; no room once an error stands. */
static zcbor_state_t open_state(const struct dfu_cbor_encoder *enc)
{
    zcbor_state_t state;

    zcbor_new_encode_state(&state, 1, enc->buf + enc->len, enc->err ? 0 : enc->cap - enc->len, 0);
    return state;
}

static void close_state(struct dfu_cbor_encoder *enc, const zcbor_state_t *state, bool ok)
{
    if (enc->err) {
        return;
    }
    if (!ok) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    enc->len = (size_t)(state->payload - enc->buf);
    count_item(enc);
}

static void begin(struct dfu_cbor_encoder *enc, uint8_t head)
{
    if (enc->err) {
        return;
    }
    if (enc->len == enc->cap || enc->depth == DFU_CBOR_NESTING_MAX) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    count_item(enc);
    enc->open[enc->depth].start = (uint32_t)enc->len;
    enc->open[enc->depth].items = 0;
    enc->depth++;
    enc->buf[enc->len++] = head | (uint8_t)ZCBOR_VALUE_IS_INDEFINITE_LENGTH;
}

/* Replace the one-byte head at start by a counted one. */
static void count_up(struct dfu_cbor_encoder *enc, uint32_t start, uint32_t items)
{
    uint8_t kind = enc->buf[start] & MAJOR_MASK;
    uint8_t head[HEAD_MAX];
    uint32_t count = kind == MAP_HEAD ? items / 2 : items;
    zcbor_state_t state;
    size_t more;

    zcbor_new_encode_state(&state, 1, head, sizeof(head), 0);
    (void)zcbor_uint32_put(&state, count);
    more = (size_t)(state.payload - head) - 1;
    if (more > enc->cap - enc->len) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    memmove(enc->buf + start + 1 + more, enc->buf + start + 1, enc->len - start - 1);
    memcpy(enc->buf + start, head, more + 1);
    enc->buf[start] |= kind; /* a count is an unsigned of another major type */
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
    begin(enc, MAP_HEAD);
}

void dfu_cbor_begin_array(struct dfu_cbor_encoder *enc)
{
    begin(enc, ARRAY_HEAD);
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
    if (enc->len == enc->cap) {
        enc->err = DFU_ERR_NOSPACE;
        return;
    }
    enc->buf[enc->len++] = 0xff;
}

void dfu_cbor_put_uint(struct dfu_cbor_encoder *enc, uint64_t value)
{
    zcbor_state_t state = open_state(enc);

    close_state(enc, &state, zcbor_uint64_put(&state, value));
}

void dfu_cbor_put_int(struct dfu_cbor_encoder *enc, int64_t value)
{
    zcbor_state_t state = open_state(enc);

    close_state(enc, &state, zcbor_int64_put(&state, value));
}

void dfu_cbor_put_bool(struct dfu_cbor_encoder *enc, bool value)
{
    zcbor_state_t state = open_state(enc);

    close_state(enc, &state, zcbor_bool_put(&state, value));
}

/* Room for the bytes of a string, behind its head: an unsigned of another major type. NULL: none. */
static uint8_t *reserve(struct dfu_cbor_encoder *enc, uint8_t kind, size_t len)
{
    zcbor_state_t state = open_state(enc);
    uint8_t *head = enc->buf + enc->len;
    bool ok = zcbor_size_put(&state, len) && len <= enc->cap - (size_t)(state.payload - enc->buf);
    uint8_t *room;

    close_state(enc, &state, ok);
    if (enc->err) {
        return NULL;
    }
    *head |= kind;
    room = enc->buf + enc->len;
    enc->len += len;
    return room;
}

static void put_string(struct dfu_cbor_encoder *enc, uint8_t kind, const void *data, size_t len)
{
    uint8_t *room = reserve(enc, kind, len);

    if (room && len > 0) {
        memmove(room, data, len); /* which may lie in the same buffer, further on */
    }
}

void dfu_cbor_put_bytes(struct dfu_cbor_encoder *enc, const void *data, size_t len)
{
    put_string(enc, BYTES_HEAD, data, len);
}

uint8_t *dfu_cbor_reserve_bytes(struct dfu_cbor_encoder *enc, size_t len)
{
    return reserve(enc, BYTES_HEAD, len);
}

void dfu_cbor_put_text(struct dfu_cbor_encoder *enc, const char *text)
{
    dfu_cbor_put_text_n(enc, text, strlen(text));
}

void dfu_cbor_put_text_n(struct dfu_cbor_encoder *enc, const char *text, size_t len)
{
    put_string(enc, TEXT_HEAD, text, len);
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
