/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Compressing, on the host: liblzma with imgtool's settings, so that the same liblzma makes the
 * same bytes. */
#include <lzma.h>
#include <string.h>

#include "dfu/decompress.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"

#define PRESET    9u
#define DICT_SIZE 131072u
#define DICT_CODE 10u /* the smallest of the dictionary sizes that hold it */
#define LC        3u
#define LP        1u
#define PB        2u

/* A stream that does not compress is stored in chunks of 64 KiB. */
size_t dfu_image_compress_room(uint32_t payload_len)
{
    return DFU_CODING_SIZE + (size_t)payload_len + ((size_t)payload_len / 65536u + 1) * 3 + 1;
}

static int encode(bool is_thumb, const uint8_t *in, uint32_t len, uint8_t *out, size_t cap,
                  uint32_t *out_len)
{
    lzma_options_lzma options;
    lzma_filter filters[] = {
        { LZMA_FILTER_ARMTHUMB, NULL },
        { LZMA_FILTER_LZMA2, &options },
        { LZMA_VLI_UNKNOWN, NULL },
    };
    size_t at = DFU_CODING_SIZE;
    lzma_ret result;

    if (cap < DFU_CODING_SIZE || lzma_lzma_preset(&options, PRESET)) {
        return DFU_ERR_NOSPACE;
    }
    options.dict_size = DICT_SIZE;
    options.lc = LC;
    options.lp = LP;
    options.pb = PB;
    out[0] = DICT_CODE;
    out[1] = (PB * 5 + LP) * 9 + LC;
    result = lzma_raw_buffer_encode(is_thumb ? filters : filters + 1, NULL, in, len, out, &at, cap);
    *out_len = (uint32_t)at;
    return result == LZMA_OK ? DFU_OK : DFU_ERR_NOSPACE;
}

/* imgtool's rule: TLV headers, parameters and COMP_DEC_SIZE are not counted. */
static bool pays(const struct dfu_image_spec *spec, const struct dfu_image_compression *c)
{
    uint64_t cost = (uint64_t)c->body_len - DFU_CODING_SIZE + 4u + spec->hash->size;

    return cost + c->plain_signature_len < c->plain_size;
}

int dfu_image_compress(const struct dfu_image_spec *spec, bool is_thumb, uint8_t *buf, size_t cap,
                       uint32_t payload_len, uint8_t *body, size_t body_cap,
                       struct dfu_image_compression *out)
{
    int err;

    *out = (struct dfu_image_compression){ .is_thumb = is_thumb };
    err = dfu_image_write_decompressed(spec, buf, cap, payload_len, out);
    if (!err) {
        err =
            encode(is_thumb, buf + spec->header_size, payload_len, body, body_cap, &out->body_len);
    }
    out->pays = !err && pays(spec, out);
    return err;
}
