/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The host's decoder: liblzma. */
#include <lzma.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"

#define BUF_SIZE 4096u

struct unpacking {
    lzma_stream stream;
    const struct dfu_reader *in;
    uint32_t off, end;
    int err;
    bool has_ended;
    uint8_t buf[BUF_SIZE];
};

static size_t work_size(const struct dfu_coding *coding)
{
    (void)coding;
    return sizeof(struct unpacking);
}

static int start(void *work, size_t work_len, const struct dfu_coding *coding,
                 const struct dfu_reader *in, uint32_t off, uint32_t len)
{
    struct unpacking *u = work;
    lzma_options_lzma options = {
        /* No more than what comes out: hostile parameters shall not cost gigabytes. */
        .dict_size = max_u32(min_u32(coding->dict_size, coding->size), LZMA_DICT_SIZE_MIN),
        .lc = LZMA_LC_DEFAULT, /* the stream says what is used */
        .lp = LZMA_LP_DEFAULT,
        .pb = LZMA_PB_DEFAULT,
    };
    lzma_filter filters[] = {
        { LZMA_FILTER_ARMTHUMB, NULL },
        { LZMA_FILTER_LZMA2, &options },
        { LZMA_VLI_UNKNOWN, NULL },
    };
    static const lzma_stream fresh = LZMA_STREAM_INIT;

    if (work_len < sizeof(*u)) {
        return DFU_ERR_NOSPACE;
    }
    if (!span_fits(off, len, in->size)) {
        return DFU_ERR_RANGE;
    }
    u->stream = fresh;
    u->in = in;
    u->off = off;
    u->end = off + len;
    u->err = DFU_OK;
    u->has_ended = false;
    return lzma_raw_decoder(&u->stream, coding->is_thumb ? filters : filters + 1) == LZMA_OK
               ? DFU_OK
               : DFU_ERR_NOSPACE;
}

static int refill(struct unpacking *u)
{
    uint32_t len = min_u32(u->end - u->off, BUF_SIZE);
    int err = len ? u->in->read(u->in->ctx, u->off, u->buf, len) : DFU_ERR_FORMAT;

    if (!err) {
        u->off += len;
        u->stream.next_in = u->buf;
        u->stream.avail_in = len;
    }
    return err;
}

/* Some more bytes, the end, or an error. */
static int advance(struct unpacking *u)
{
    size_t in = u->stream.avail_in, out = u->stream.avail_out;
    lzma_ret result = lzma_code(&u->stream, LZMA_RUN);

    if (result == LZMA_STREAM_END) {
        u->has_ended = true;
        return u->stream.avail_in == 0 && u->off == u->end ? DFU_OK : DFU_ERR_FORMAT;
    }
    if (result != LZMA_OK && result != LZMA_BUF_ERROR) {
        return DFU_ERR_FORMAT;
    }
    /* Without progress it wants input. */
    return u->stream.avail_in == in && u->stream.avail_out == out ? refill(u) : DFU_OK;
}

static int read(void *work, uint8_t *out, size_t len)
{
    struct unpacking *u = work;

    if (len > INT32_MAX) {
        return DFU_ERR_RANGE;
    }
    u->stream.next_out = out;
    u->stream.avail_out = len;
    while (!u->err && !u->has_ended && u->stream.avail_out > 0) {
        u->err = advance(u);
    }
    return u->err ? u->err : (int)(len - u->stream.avail_out);
}

static void end(void *work)
{
    struct unpacking *u = work;

    lzma_end(&u->stream);
}

const struct dfu_decoder dfu_lzma2_liblzma = {
    .name = "liblzma",
    .work_size = work_size,
    .start = start,
    .read = read,
    .end = end,
};
