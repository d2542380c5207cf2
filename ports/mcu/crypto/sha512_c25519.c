/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* c25519 takes whole blocks, and at the end what is left of one. */
#include <stddef.h>

#include <sha512.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

struct context {
    struct sha512_state state;
    uint32_t len; /* so far */
    uint8_t block[SHA512_BLOCK_SIZE];
};

_Static_assert(sizeof(struct context) <= sizeof(((struct dfu_hash *)0)->state),
               "a hash has room for c25519's");

static struct context *context(struct dfu_hash *h)
{
    return (struct context *)(void *)&h->state;
}

static int start(struct dfu_hash *h)
{
    h->alg = &dfu_sha512_c25519;
    sha512_init(&context(h)->state);
    context(h)->len = 0;
    return DFU_OK;
}

static int update(struct dfu_hash *h, const void *data, size_t len)
{
    struct context *c = context(h);
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        c->block[c->len++ % SHA512_BLOCK_SIZE] = bytes[i];
        if (c->len % SHA512_BLOCK_SIZE == 0) {
            sha512_block(&c->state, c->block);
        }
    }
    return DFU_OK;
}

static int finish(struct dfu_hash *h, uint8_t *out)
{
    if (out) {
        sha512_final(&context(h)->state, context(h)->block, context(h)->len);
        sha512_get(&context(h)->state, out, 0, SHA512_HASH_SIZE);
    }
    return DFU_OK;
}

const struct dfu_hash_alg dfu_sha512_c25519 = {
    .name = "SHA512",
    .tlv_type = DFU_TLV_SHA512,
    .size = SHA512_HASH_SIZE,
    .start = start,
    .update = update,
    .finish = finish,
};
