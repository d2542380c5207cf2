/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* LZMA2 in a caller's memory: a range coder, its probabilities, and a dictionary as a ring. Bytes
 * are pulled from a reader and handed out as they are asked for, so that a decoding can rest
 * between any two. Nothing is believed: a chunk ends where both of its lengths say, a match
 * reaches back to bytes that were there, and every step makes at least one byte or fails. Errors
 * stick in the state; after one, bits read as 0 until the symbol is over. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "image/thumb.h"

#define PROB_BITS  11
#define PROB_INIT  (1u << (PROB_BITS - 1))
#define PROB_SHIFT 5
#define RANGE_TOP  (1u << 24)

#define STATES        12u
#define STATE_LITERAL 7u /* states below: the symbol before was a literal */
#define POSITIONS     16u
#define LITERAL_PROBS 0x300u
#define LITERAL_BITS  4u /* lc + lp, at most */
#define DIST_MODELS   4u
#define DIST_FULL     128u
#define DIST_MODEL_AT 4u
#define DIST_MODEL_TO 14u
#define ALIGN_BITS    4u
#define MATCH_MIN     2u
#define BUF_SIZE      64u

typedef uint16_t prob;

struct length_probs {
    prob is_long, is_longer;
    prob low[POSITIONS][8], mid[POSITIONS][8], high[256];
};

struct probs {
    prob is_match[STATES][POSITIONS], is_rep0_long[STATES][POSITIONS];
    prob is_rep[STATES], is_rep1[STATES], is_rep2[STATES], is_rep3[STATES];
    prob dist_slot[DIST_MODELS][64], dist_low[DIST_FULL - DIST_MODEL_TO + 1];
    prob dist_align[1u << ALIGN_BITS];
    struct length_probs match_len, rep_len;
    prob literal[LITERAL_PROBS << LITERAL_BITS];
};

enum chunk { CHUNK_NONE, CHUNK_COPY, CHUNK_LZMA, CHUNK_END };

struct lzma2 {
    const struct dfu_reader *in;
    uint32_t in_off, in_end;
    uint8_t buf_at, buf_len;
    uint8_t buf[BUF_SIZE];
    int err;

    enum chunk chunk;
    uint32_t packed, unpacked; /* bytes that are left of the chunk, in and out */
    bool needs_dict_reset, needs_props;

    uint32_t range, code;
    uint8_t lc;
    uint32_t lp_mask, pb_mask, state, match_len;
    uint32_t rep[4]; /* distances - 1 of the last matches */

    uint32_t dict_size, dict_at, dict_full;
    uint32_t pos; /* bytes since the dictionary was reset */

    bool is_thumb;
    struct thumb thumb;
    struct probs probs;
    uint8_t dict[];
};

_Static_assert(sizeof(struct lzma2) <= DFU_LZMA2_STATE_SIZE, "the size that is published");
_Static_assert(sizeof(struct probs) % sizeof(prob) == 0, "an array of probabilities");

/* ---- Input ---- */

static void fail(struct lzma2 *z, int err)
{
    z->err = z->err ? z->err : err;
}

static uint8_t next_byte(struct lzma2 *z)
{
    if (z->err) {
        return 0;
    }
    if (z->buf_at == z->buf_len) {
        uint32_t len = min_u32(z->in_end - z->in_off, BUF_SIZE);
        int err = len ? z->in->read(z->in->ctx, z->in_off, z->buf, len) : DFU_ERR_FORMAT;

        if (err) {
            fail(z, err);
            return 0;
        }
        z->in_off += len;
        z->buf_at = 0;
        z->buf_len = (uint8_t)len;
    }
    return z->buf[z->buf_at++];
}

static uint32_t next_be16(struct lzma2 *z)
{
    uint32_t high = next_byte(z);

    return high << 8 | next_byte(z);
}

/* A byte of the chunk's packed bytes. */
static uint8_t next_packed(struct lzma2 *z)
{
    if (z->packed == 0) {
        fail(z, DFU_ERR_FORMAT);
        return 0;
    }
    z->packed--;
    return next_byte(z);
}

/* ---- Range coder ---- */

static void start_range(struct lzma2 *z)
{
    uint8_t first = next_packed(z);

    if (first != 0) {
        fail(z, DFU_ERR_FORMAT);
    }
    z->range = UINT32_MAX;
    z->code = 0;
    for (int i = 0; i < 4; i++) {
        z->code = z->code << 8 | next_packed(z);
    }
}

static void normalize(struct lzma2 *z)
{
    if (z->range < RANGE_TOP) {
        z->range <<= 8;
        z->code = z->code << 8 | next_packed(z);
    }
}

static uint32_t bit(struct lzma2 *z, prob *p)
{
    uint32_t bound;

    normalize(z);
    bound = (z->range >> PROB_BITS) * *p;
    if (z->code < bound) {
        z->range = bound;
        *p = (prob)(*p + (((1u << PROB_BITS) - *p) >> PROB_SHIFT));
        return 0;
    }
    z->range -= bound;
    z->code -= bound;
    *p = (prob)(*p - (*p >> PROB_SHIFT));
    return 1;
}

static uint32_t direct_bits(struct lzma2 *z, uint32_t count)
{
    uint32_t value = 0;

    while (count-- > 0) {
        normalize(z);
        z->range >>= 1;
        value <<= 1;
        if (z->code >= z->range) {
            z->code -= z->range;
            value |= 1;
        }
    }
    return value;
}

/* A number of count bits, highest first; each bit's probability depends on those before it. */
static uint32_t tree(struct lzma2 *z, prob *probs, uint32_t count)
{
    uint32_t node = 1;

    for (uint32_t i = 0; i < count; i++) {
        node = node << 1 | bit(z, &probs[node]);
    }
    return node - (1u << count);
}

/* The same, lowest first. */
static uint32_t tree_reverse(struct lzma2 *z, prob *probs, uint32_t count)
{
    uint32_t node = 1, value = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t b = bit(z, &probs[node]);

        node = node << 1 | b;
        value |= b << i;
    }
    return value;
}

/* ---- Dictionary ---- */

static void put(struct lzma2 *z, uint8_t byte)
{
    z->dict[z->dict_at++] = byte;
    if (z->dict_at == z->dict_size) {
        z->dict_at = 0;
    }
    if (z->dict_full < z->dict_size) {
        z->dict_full++;
    }
    z->pos++;
    z->unpacked--;
}

/* The byte distance + 1 back; a distance below dict_full. */
static uint8_t back(const struct lzma2 *z, uint32_t distance)
{
    return z->dict_at > distance ? z->dict[z->dict_at - distance - 1]
                                 : z->dict[z->dict_size - (distance - z->dict_at) - 1];
}

/* ---- Symbols ---- */

static uint32_t after(uint32_t state, uint32_t from_literal, uint32_t from_match)
{
    return state < STATE_LITERAL ? from_literal : from_match;
}

static uint8_t literal(struct lzma2 *z)
{
    uint32_t before = z->dict_full ? back(z, 0) : 0;
    uint32_t context = ((z->pos & z->lp_mask) << z->lc) | before >> (8 - z->lc);
    prob *probs = z->probs.literal + (size_t)LITERAL_PROBS * context;
    uint32_t symbol = 1;

    if (z->state >= STATE_LITERAL) { /* not what the last match would go on with, so far */
        uint32_t match = back(z, z->rep[0]), offset = 0x100;

        while (symbol < 0x100 && offset != 0) {
            uint32_t match_bit, b;

            match <<= 1;
            match_bit = match & offset;
            b = bit(z, &probs[offset + match_bit + symbol]);
            symbol = symbol << 1 | b;
            offset = b ? match_bit : offset & ~match_bit;
        }
    }
    while (symbol < 0x100) {
        symbol = symbol << 1 | bit(z, &probs[symbol]);
    }
    z->state = z->state < 4 ? 0 : z->state < 10 ? z->state - 3 : z->state - 6;
    return (uint8_t)symbol;
}

static uint32_t length(struct lzma2 *z, struct length_probs *p, uint32_t position)
{
    if (!bit(z, &p->is_long)) {
        return MATCH_MIN + tree(z, p->low[position], 3);
    }
    if (!bit(z, &p->is_longer)) {
        return MATCH_MIN + 8 + tree(z, p->mid[position], 3);
    }
    return MATCH_MIN + 16 + tree(z, p->high, 8);
}

static uint32_t distance(struct lzma2 *z, uint32_t len)
{
    uint32_t model = min_u32(len - MATCH_MIN, DIST_MODELS - 1);
    uint32_t slot = tree(z, z->probs.dist_slot[model], 6);
    uint32_t bits, base;

    if (slot < DIST_MODEL_AT) {
        return slot;
    }
    bits = slot / 2 - 1;
    base = (2 | (slot & 1)) << bits;
    if (slot < DIST_MODEL_TO) {
        return base + tree_reverse(z, z->probs.dist_low + base - slot, bits);
    }
    base += direct_bits(z, bits - ALIGN_BITS) << ALIGN_BITS;
    return base + tree_reverse(z, z->probs.dist_align, ALIGN_BITS);
}

static void new_match(struct lzma2 *z, uint32_t position)
{
    memmove(z->rep + 1, z->rep, 3 * sizeof(z->rep[0]));
    z->match_len = length(z, &z->probs.match_len, position);
    z->rep[0] = distance(z, z->match_len);
    z->state = after(z->state, 7, 10);
}

/* Which of the last four distances, moved to the front. */
static void choose_rep(struct lzma2 *z)
{
    uint32_t n = 1;
    uint32_t chosen;

    if (bit(z, &z->probs.is_rep2[z->state])) {
        n = 2 + bit(z, &z->probs.is_rep3[z->state]);
    }
    chosen = z->rep[n];
    memmove(z->rep + 1, z->rep, n * sizeof(z->rep[0]));
    z->rep[0] = chosen;
}

static void old_match(struct lzma2 *z, uint32_t position)
{
    if (bit(z, &z->probs.is_rep1[z->state])) {
        choose_rep(z);
    } else if (!bit(z, &z->probs.is_rep0_long[z->state][position])) {
        z->match_len = 1;
        z->state = after(z->state, 9, 11);
        return;
    }
    z->match_len = length(z, &z->probs.rep_len, position);
    z->state = after(z->state, 8, 11);
}

/* A literal's byte, or a match to copy from. */
static void symbol(struct lzma2 *z)
{
    uint32_t position = z->pos & z->pb_mask;

    if (!bit(z, &z->probs.is_match[z->state][position])) {
        uint8_t byte = literal(z);

        if (!z->err) {
            put(z, byte);
        }
        return;
    }
    if (bit(z, &z->probs.is_rep[z->state])) {
        old_match(z, position);
    } else {
        new_match(z, position);
    }
    if (z->rep[0] >= z->dict_full || z->match_len > z->unpacked) {
        fail(z, DFU_ERR_FORMAT);
    }
}

/* ---- Chunks ---- */

static void reset_state(struct lzma2 *z)
{
    prob *all = (prob *)&z->probs;

    for (size_t i = 0; i < sizeof(z->probs) / sizeof(prob); i++) {
        all[i] = PROB_INIT;
    }
    memset(z->rep, 0, sizeof(z->rep));
    z->state = 0;
}

static void take_props(struct lzma2 *z)
{
    uint32_t props = next_byte(z);
    uint32_t lc = props % 9, lp = props / 9 % 5, pb = props / 45;

    if (pb > 4 || lc + lp > LITERAL_BITS) {
        fail(z, DFU_ERR_FORMAT);
        return;
    }
    z->lc = (uint8_t)lc;
    z->lp_mask = (1u << lp) - 1;
    z->pb_mask = (1u << pb) - 1;
}

/* Control bytes: 0 the end; 1 and 2 stored bytes, with and without a new dictionary; from 0x80 on
 * LZMA, with bits 5 and 6 saying how much begins anew: nothing, the state, the properties too, the
 * dictionary too. */
static void reset_dict(struct lzma2 *z, uint32_t control)
{
    if (control == 1 || control >= 0xe0) {
        z->needs_dict_reset = false;
        z->needs_props = true;
        z->dict_at = 0;
        z->dict_full = 0;
        z->pos = 0;
    } else if (z->needs_dict_reset) {
        fail(z, DFU_ERR_FORMAT);
    }
}

static void begin_lzma(struct lzma2 *z, uint32_t control)
{
    z->chunk = CHUNK_LZMA;
    z->unpacked = ((control & 0x1f) << 16) + next_be16(z) + 1;
    z->packed = next_be16(z) + 1;
    if (control >= 0xc0) {
        z->needs_props = false;
        take_props(z);
    } else if (z->needs_props) {
        fail(z, DFU_ERR_FORMAT);
    }
    if (control >= 0xa0) {
        reset_state(z);
    }
    start_range(z);
}

static void begin_chunk(struct lzma2 *z)
{
    uint32_t control = next_byte(z);

    if (z->err) {
        return;
    }
    if (control == 0) {
        z->chunk = CHUNK_END;
        if (z->in_off != z->in_end || z->buf_at != z->buf_len) {
            fail(z, DFU_ERR_FORMAT);
        }
        return;
    }
    reset_dict(z, control);
    if (control >= 0x80) {
        begin_lzma(z, control);
    } else if (control <= 2) {
        z->chunk = CHUNK_COPY;
        z->unpacked = next_be16(z) + 1;
    } else {
        fail(z, DFU_ERR_FORMAT);
    }
}

/* All packed bytes are used up, and the coder has nothing left to say. */
static void end_chunk(struct lzma2 *z)
{
    if (z->chunk == CHUNK_LZMA) {
        normalize(z);
        if (z->code != 0 || z->packed != 0) {
            fail(z, DFU_ERR_FORMAT);
        }
    }
    z->chunk = CHUNK_NONE;
}

/* Make one byte or more; up to len of a match at once. */
static void step(struct lzma2 *z)
{
    if (z->chunk == CHUNK_COPY) {
        uint8_t byte = next_byte(z);

        if (!z->err) {
            put(z, byte);
        }
        return;
    }
    if (z->match_len == 0) {
        symbol(z);
    }
    if (z->match_len > 0 && !z->err) {
        z->match_len--;
        put(z, back(z, z->rep[0]));
    }
}

static int read_plain(struct lzma2 *z, uint8_t *out, size_t len)
{
    size_t n = 0;

    while (n < len && !z->err) {
        if (z->chunk == CHUNK_END) {
            return (int)n;
        }
        if (z->chunk == CHUNK_NONE) {
            begin_chunk(z);
            continue;
        }
        step(z);
        if (!z->err) {
            out[n++] = back(z, 0);
        }
        if (z->unpacked == 0 && !z->err) {
            end_chunk(z);
        }
    }
    return z->err ? z->err : (int)n;
}

/* ---- The table ---- */

static uint32_t dict_of(const struct dfu_coding *coding)
{
    return max_u32(min_u32(coding->dict_size, coding->size), 1);
}

static size_t lzma2_work_size(const struct dfu_coding *coding)
{
    return sizeof(struct lzma2) + dict_of(coding);
}

static int lzma2_start(void *work, size_t work_len, const struct dfu_coding *coding,
                       const struct dfu_reader *in, uint32_t off, uint32_t len)
{
    struct lzma2 *z = work;

    if (work_len < sizeof(*z) || work_len - sizeof(*z) < dict_of(coding)) {
        return DFU_ERR_NOSPACE;
    }
    if (!span_fits(off, len, in->size)) {
        return DFU_ERR_RANGE;
    }
    memset(z, 0, sizeof(*z));
    z->in = in;
    z->in_off = off;
    z->in_end = off + len;
    z->needs_dict_reset = true;
    z->needs_props = true;
    z->dict_size = dict_of(coding);
    z->is_thumb = coding->is_thumb;
    return DFU_OK;
}

static int lzma2_read(void *work, uint8_t *out, size_t len)
{
    struct lzma2 *z = work;
    struct thumb *t = &z->thumb;
    size_t n = 0;

    if (len > INT32_MAX) {
        return DFU_ERR_RANGE;
    }
    if (!z->is_thumb) {
        return read_plain(z, out, len);
    }
    while (n < len) {
        if (t->ready == 0) {
            int more = read_plain(z, t->window + t->have, THUMB_WINDOW - t->have);

            if (more < 0) {
                return more;
            }
            t->have = (uint8_t)(t->have + more);
            thumb_convert(t);
        }
        if (t->ready == 0) {
            break;
        }
        n += thumb_take(t, out + n, len - n);
    }
    return (int)n;
}

static void lzma2_end(void *work)
{
    (void)work;
}

const struct dfu_decoder dfu_lzma2 = {
    .name = "lzma2",
    .work_size = lzma2_work_size,
    .start = lzma2_start,
    .read = lzma2_read,
    .end = lzma2_end,
};
