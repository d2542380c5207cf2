/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stddef.h>
#include <string.h>

#include <bearssl_hash.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

_Static_assert(sizeof(br_sha256_context) <= sizeof(((struct dfu_hash *)0)->state),
               "a hash has room for BearSSL's");

static br_sha256_context *context(struct dfu_hash *h)
{
    return (br_sha256_context *)(void *)&h->state;
}

static int start(struct dfu_hash *h)
{
    h->alg = &dfu_sha256_bearssl;
    br_sha256_init(context(h));
    return DFU_OK;
}

static int update(struct dfu_hash *h, const void *data, size_t len)
{
    br_sha256_update(context(h), data, len);
    return DFU_OK;
}

static int finish(struct dfu_hash *h, uint8_t *out)
{
    if (out) {
        br_sha256_out(context(h), out);
    }
    return DFU_OK;
}

const struct dfu_hash_alg dfu_sha256_bearssl = {
    .name = "SHA256",
    .tlv_type = DFU_TLV_SHA256,
    .size = br_sha256_SIZE,
    .start = start,
    .update = update,
    .finish = finish,
};
