/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stddef.h>

#include <monocypher-ed25519.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#define SHA512_SIZE 64u

_Static_assert(sizeof(crypto_sha512_ctx) <= sizeof(((struct dfu_hash *)0)->state),
               "a hash has room for Monocypher's");

static crypto_sha512_ctx *context(struct dfu_hash *h)
{
    return (crypto_sha512_ctx *)(void *)&h->state;
}

static int start(struct dfu_hash *h)
{
    h->alg = &dfu_sha512_monocypher;
    crypto_sha512_init(context(h));
    return DFU_OK;
}

static int update(struct dfu_hash *h, const void *data, size_t len)
{
    crypto_sha512_update(context(h), data, len);
    return DFU_OK;
}

static int finish(struct dfu_hash *h, uint8_t *out)
{
    if (out) {
        crypto_sha512_final(context(h), out);
    }
    return DFU_OK;
}

const struct dfu_hash_alg dfu_sha512_monocypher = {
    .name = "SHA512",
    .tlv_type = DFU_TLV_SHA512,
    .size = SHA512_SIZE,
    .start = start,
    .update = update,
    .finish = finish,
};
