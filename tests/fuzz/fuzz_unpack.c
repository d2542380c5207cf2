/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Any bytes at all as a compressed image, without a hash in front that would keep them out: what
 * opens is as large as it says, reads the same in one go and in pieces, and is an image itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/decompress.h"
#include "dfu/unpack.h"
#include "input.h"

#define PLAIN_MAX 0x20000u

static uint64_t work[DFU_LZMA2_WORK_SIZE(131072u, PLAIN_MAX) / 8];
static const struct dfu_unpacker unpacker = { &dfu_unpack, &dfu_lzma2, work, sizeof work, 0 };

static int read_all(const struct dfu_reader *reader, uint32_t piece, uint8_t *out)
{
    int err = 0;

    for (uint32_t off = 0, n; !err && off < reader->size; off += n) {
        n = reader->size - off < piece ? reader->size - off : piece;
        err = reader->read(reader->ctx, off, out + off, n);
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t whole[PLAIN_MAX], pieces[PLAIN_MAX];
    struct dfu_memory_span span = { data, (uint32_t)size };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image, plain;
    struct dfu_unpacked u;
    uint32_t piece;

    if (dfu_image_open(&image, &reader, 0) != DFU_IMAGE_FINE ||
        dfu_unpacked_open(&u, &image, &unpacker) != DFU_IMAGE_FINE || u.reader.size > PLAIN_MAX) {
        return 0;
    }
    piece = data[size - 1] % 97u + 1u;
    if (read_all(&u.reader, PLAIN_MAX, whole) == 0) {
        require(read_all(&u.reader, piece, pieces) == 0);
        require(memcmp(whole, pieces, u.reader.size) == 0);
        require(dfu_image_open(&plain, &u.reader, 0) != DFU_IMAGE_TRUNCATED);
        require((plain.header.flags & 0xe00) == 0);
    } else {
        require(read_all(&u.reader, piece, pieces) != 0);
    }
    dfu_unpacked_close(&u);
    return 0;
}
