/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Mbed TLS's compression of a block; the rest of FIPS 180-4 is here, byte by byte: a third of the
 * flash of the library's own. */
#include <stddef.h>
#include <string.h>

#include <mbedtls/sha256.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define SHA256_SIZE 32u
#define BLOCK_SIZE  64u
#define LENGTH_SIZE 8u

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(((struct dfu_hash *)0)->state),
               "a hash has room for Mbed TLS's");

static mbedtls_sha256_context *context(struct dfu_hash *h)
{
    return (mbedtls_sha256_context *)(void *)&h->state;
}

/* 5.3.3 */
static int start(struct dfu_hash *h)
{
    static const uint32_t initial[SHA256_SIZE / 4] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                                       0xa54ff53a, 0x510e527f, 0x9b05688c,
                                                       0x1f83d9ab, 0x5be0cd19 };
    mbedtls_sha256_context *ctx = context(h);

    h->alg = &dfu_sha256_mbedtls;
    ctx->MBEDTLS_PRIVATE(total)[0] = 0;
    memcpy(ctx->MBEDTLS_PRIVATE(state), initial, sizeof initial);
    return DFU_OK;
}

/* Of less than 4 GiB, which no reader has. */
static int update(struct dfu_hash *h, const void *data, size_t len)
{
    mbedtls_sha256_context *ctx = context(h);
    uint32_t *total = ctx->MBEDTLS_PRIVATE(total);
    const uint8_t *from = data;

    for (const uint8_t *end = from + len; from != end; from++) {
        ctx->MBEDTLS_PRIVATE(buffer)[total[0]++ % BLOCK_SIZE] = *from;
        if (total[0] % BLOCK_SIZE == 0 &&
            mbedtls_internal_sha256_process(ctx, ctx->MBEDTLS_PRIVATE(buffer)) != 0) {
            return DFU_ERR_IO;
        }
    }
    return DFU_OK;
}

/* Most significant byte first. */
static void put_word(uint8_t *out, uint32_t word)
{
    for (size_t i = 4; i-- > 0; word >>= 8) {
        out[i] = (uint8_t)word;
    }
}

/* 5.1.1: padded to whole blocks with the length in bits behind. */
static int finish(struct dfu_hash *h, uint8_t *out)
{
    const uint32_t *total = context(h)->MBEDTLS_PRIVATE(total);
    const uint32_t *state = context(h)->MBEDTLS_PRIVATE(state);
    uint8_t bits[LENGTH_SIZE], pad = 0x80;
    int err;

    if (!out) {
        return DFU_OK;
    }
    put_word(bits, total[0] >> 29);
    put_word(bits + 4, total[0] << 3);
    do {
        err = update(h, &pad, 1);
        pad = 0;
    } while (!err && total[0] % BLOCK_SIZE != BLOCK_SIZE - LENGTH_SIZE);
    if (err || update(h, bits, sizeof bits)) {
        return DFU_ERR_IO;
    }
    for (size_t i = 0; i < SHA256_SIZE / 4; i++) {
        put_word(out + 4 * i, state[i]);
    }
    return DFU_OK;
}

const struct dfu_hash_alg dfu_sha256_mbedtls = {
    .name = "SHA256",
    .tlv_type = DFU_TLV_SHA256,
    .size = SHA256_SIZE,
    .start = start,
    .update = update,
    .finish = finish,
};
