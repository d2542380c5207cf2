/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Mbed TLS's calls return errors only where hardware computes. */
#include <stddef.h>

#include <mbedtls/sha256.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define SHA256_SIZE 32u

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

static int finish(struct dfu_hash *h, uint8_t *out)
{
    return !out || mbedtls_sha256_finish(context(h), out) == 0 ? DFU_OK : DFU_ERR_IO;
}

const struct dfu_hash_alg dfu_sha256_mbedtls = {
    .name = "SHA256",
    .tlv_type = DFU_TLV_SHA256,
    .size = SHA256_SIZE,
    .start = start,
    .update = update,
    .finish = finish,
};
