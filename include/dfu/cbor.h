/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cbor.h - the part of CBOR that SMP speaks: maps with text keys, arrays, integers, booleans,
 * byte and text strings (RFC 8949).
 *
 * Decoding works on spans: a nested map or array is handed out as the span it fills and decoded
 * by a call of its own, so no input, however deep or long, costs more than a fixed stack and one
 * pass. Nothing is copied or allocated; spans point into the message.
 *
 * Definite and indefinite maps and arrays are read; strings are always definite. Bytes after the
 * item asked for are ignored, as the field's servers do. */
#ifndef DFU_CBOR_H
#define DFU_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Maps and arrays inside one another; what is nested deeper is refused. */
#define DFU_CBOR_NESTING_MAX 8u

struct dfu_cbor_span {
    const uint8_t *data;
    size_t len;
};

/* ---- Decoding ---- */

enum dfu_cbor_type {
    DFU_CBOR_UINT,   /* uint32_t */
    DFU_CBOR_UINT64, /* uint64_t */
    DFU_CBOR_INT,    /* int32_t */
    DFU_CBOR_INT64,  /* int64_t */
    DFU_CBOR_BOOL,   /* bool */
    DFU_CBOR_FLAG,   /* bool, from a boolean or an unsigned: what old tools send for "force" */
    DFU_CBOR_BYTES,  /* struct dfu_cbor_span: the content */
    DFU_CBOR_TEXT,   /* struct dfu_cbor_span: the content, without NUL, UTF-8 not checked */
    DFU_CBOR_MAP,    /* struct dfu_cbor_span: the whole item, for a call of its own */
    DFU_CBOR_ARRAY,  /* the same */
    DFU_CBOR_ANY,    /* the same, of any type */
};

/* One wanted key. out is a pointer to the type above, left alone where the key is absent. */
struct dfu_cbor_key {
    const char *name;
    enum dfu_cbor_type type;
    void *out;
    bool found; /* set by the decoder */
};

/* Walk a map once, in whatever order its keys come. Unknown keys are skipped with their values.
 * DFU_ERR_FORMAT: not a map, truncated, a key that is not text, a wanted key twice, a wanted
 * value of another type or beyond its range, nested too deep. */
int dfu_cbor_decode_map(struct dfu_cbor_span map, struct dfu_cbor_key *keys, size_t count);

/* One item as the given type; DFU_ERR_FORMAT if it is none. */
int dfu_cbor_decode(struct dfu_cbor_span item, enum dfu_cbor_type type, void *out);

/* Step through an array, or through a map whose keys are not known beforehand. */
struct dfu_cbor_walk {
    const uint8_t *pos, *end;
    size_t left; /* items still to come; SIZE_MAX: until the break */
};
int dfu_cbor_open_array(struct dfu_cbor_walk *walk, struct dfu_cbor_span array);
int dfu_cbor_open_map(struct dfu_cbor_walk *walk, struct dfu_cbor_span map);

/* 1 and the next item (for a map: its key's text and its value), 0 at the end, DFU_ERR_FORMAT. */
int dfu_cbor_next_item(struct dfu_cbor_walk *walk, struct dfu_cbor_span *item);
int dfu_cbor_next_pair(struct dfu_cbor_walk *walk, struct dfu_cbor_span *key,
                       struct dfu_cbor_span *value);

/* Equal to all of expected, without its NUL. */
bool dfu_cbor_text_is(struct dfu_cbor_span text, const char *expected);

/* Copy text with a NUL; DFU_ERR_NOSPACE if it does not fit, buf is then empty. */
int dfu_cbor_text_copy(struct dfu_cbor_span text, char *buf, size_t cap);

/* ---- Encoding ---- */

/* Errors are sticky: write the whole message, then look at err once. Maps and arrays are of
 * indefinite length (bf .. ff), or with definite_lengths counted, as Zephyr's canonical option
 * has them. */
struct dfu_cbor_encoder {
    uint8_t *buf;
    size_t cap, len; /* len: bytes written so far */
    int err;         /* 0, DFU_ERR_NOSPACE, or DFU_ERR_STATE for an end without a begin */
    bool definite_lengths;
    uint8_t depth;
    struct {
        uint32_t start; /* of the container's header */
        uint32_t items;
    } open[DFU_CBOR_NESTING_MAX];
};

/* buf stays the caller's and is not read before it is written. */
void dfu_cbor_encoder_init(struct dfu_cbor_encoder *enc, uint8_t *buf, size_t cap,
                           bool definite_lengths);

/* Up to DFU_CBOR_NESTING_MAX are open at a time. */
void dfu_cbor_begin_map(struct dfu_cbor_encoder *enc);
void dfu_cbor_begin_array(struct dfu_cbor_encoder *enc);
void dfu_cbor_end(struct dfu_cbor_encoder *enc); /* of the innermost map or array */

/* One item: of an array, or the key or value of a map. */
void dfu_cbor_put_uint(struct dfu_cbor_encoder *enc, uint64_t value);
void dfu_cbor_put_int(struct dfu_cbor_encoder *enc, int64_t value);
void dfu_cbor_put_bool(struct dfu_cbor_encoder *enc, bool value);
void dfu_cbor_put_bytes(struct dfu_cbor_encoder *enc, const void *data, size_t len);

/* Room for len bytes of a byte string, to be filled by the caller; NULL if it does not fit. */
uint8_t *dfu_cbor_reserve_bytes(struct dfu_cbor_encoder *enc, size_t len);

/* A text string as it is: UTF-8 is not looked at. */
void dfu_cbor_put_text(struct dfu_cbor_encoder *enc, const char *text); /* up to its NUL */
void dfu_cbor_put_text_n(struct dfu_cbor_encoder *enc, const char *text, size_t len);

/* A key and its value. A nested map: put_text(key), begin_map, ..., end. */
void dfu_cbor_pair_uint(struct dfu_cbor_encoder *enc, const char *key, uint64_t value);
void dfu_cbor_pair_int(struct dfu_cbor_encoder *enc, const char *key, int64_t value);
void dfu_cbor_pair_bool(struct dfu_cbor_encoder *enc, const char *key, bool value);
void dfu_cbor_pair_bytes(struct dfu_cbor_encoder *enc, const char *key, const void *data,
                         size_t len);
void dfu_cbor_pair_text(struct dfu_cbor_encoder *enc, const char *key, const char *text);

/* The sticky error, or DFU_ERR_STATE while something is still open. */
int dfu_cbor_finish(const struct dfu_cbor_encoder *enc);

#ifdef __cplusplus
}
#endif
#endif
