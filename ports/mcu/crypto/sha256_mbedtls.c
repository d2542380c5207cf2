/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Mbed TLS's calls return errors only where hardware computes. */
#include <stddef.h>

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

static int start(struct dfu_hash *h)
{
    h->alg = &dfu_sha256_mbedtls;
    mbedtls_sha256_init(context(h));
    return mbedtls_sha256_starts(context(h), 0) == 0 ? DFU_OK : DFU_ERR_IO;
}

static int update(struct dfu_hash *h, const void *data, size_t len)
{
    return mbedtls_sha256_update(context(h), data, len) == 0 ? DFU_OK : DFU_ERR_IO;
}

/* Most significant byte first. */
static void put_word(uint8_t *out, uint32_t word)
{
    for (size_t i = 4; i-- > 0; word >>= 8) {
        out[i] = (uint8_t)word;
    }
}

/* FIPS 180-4, 5.1.1: padded to whole blocks with the length in bits behind. Mbed TLS's own takes
 * twice the flash: it writes each byte by itself. */
static int finish(struct dfu_hash *h, uint8_t *out)
{
    const uint32_t *total = context(h)->MBEDTLS_PRIVATE(total);
    const uint32_t *state = context(h)->MBEDTLS_PRIVATE(state);
    uint8_t bits[LENGTH_SIZE], pad = 0x80;
    int err;

    if (!out) {
        return DFU_OK;
    }
    put_word(bits, total[1] << 3 | total[0] >> 29);
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
