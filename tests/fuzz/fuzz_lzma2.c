/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes at all as a compressed body, for both decoders: they must agree on whether it is one,
 * and on every byte that comes out, however the output is cut into pieces.
 *
 * Input: the size that shall come out (3 bytes), how to read (1), then parameters and stream. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/decompress.h"
#include "dfu/image.h"
#include "input.h"

#define LEAD         4u
#define SIZE_MAX_OUT 0x48000u

struct outcome {
    bool is_right; /* the stream, and it had exactly the size */
    uint32_t len;  /* bytes that came out before it turned out wrong */
};

static struct outcome decode(const struct dfu_decoder *decoder, const struct dfu_coding *coding,
                             const struct dfu_reader *in, size_t piece, uint8_t *out)
{
    size_t work_len = decoder->work_size(coding);
    void *work = malloc(work_len);
    struct outcome o = { false, 0 };
    uint8_t more;
    int n;

    require(work != NULL);
    memset(work, 0xa5, work_len);
    require(decoder->start(work, work_len - 1, coding, in, 0, in->size) < 0);
    require(decoder->start(work, work_len, coding, in, 0, in->size) == 0);
    do {
        size_t want = coding->size - o.len < piece ? coding->size - o.len : piece;

        n = decoder->read(work, out + o.len, want);
        require(n <= (int)want);
        o.len += n > 0 ? (uint32_t)n : 0;
    } while (n > 0 && o.len < coding->size);
    o.is_right = n >= 0 && o.len == coding->size && decoder->read(work, &more, 1) == 0;
    decoder->end(work);
    free(work);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t ours[SIZE_MAX_OUT], theirs[SIZE_MAX_OUT];
    struct dfu_memory_span span;
    struct dfu_reader in;
    struct dfu_coding coding;
    uint32_t out_size;
    struct outcome a, b;
    size_t piece;

    if (size < LEAD + DFU_CODING_SIZE) {
        return 0;
    }
    out_size = (data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16) % SIZE_MAX_OUT;
    span = (struct dfu_memory_span){ data + LEAD + DFU_CODING_SIZE,
                                     (uint32_t)(size - LEAD - DFU_CODING_SIZE) };
    in = dfu_memory_reader(&span);
    if (dfu_coding_parse(data + LEAD, out_size, data[3] & 0x80, &coding)) {
        return 0;
    }
    piece = (data[3] & 0x7f) * 7u + 1u;
    a = decode(&dfu_lzma2, &coding, &in, piece, ours);
    b = decode(&dfu_lzma2_liblzma, &coding, &in, piece, theirs);
    require(a.is_right == b.is_right);
    require(memcmp(ours, theirs, a.len < b.len ? a.len : b.len) == 0);
    return 0;
}
