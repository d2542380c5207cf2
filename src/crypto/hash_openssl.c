/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <openssl/evp.h>

#include "dfu/crypto.h"
#include "dfu/err.h"

static int start(struct dfu_hash *h, const struct dfu_hash_alg *alg, const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    h->alg = alg;
    h->state.handle = ctx;
    if (!ctx || EVP_DigestInit_ex(ctx, md, NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        h->state.handle = NULL;
        return DFU_ERR_IO;
    }
    return 0;
}

static int start_sha256(struct dfu_hash *h)
{
    return start(h, &dfu_sha256_openssl, EVP_sha256());
}

static int start_sha384(struct dfu_hash *h)
{
    return start(h, &dfu_sha384_openssl, EVP_sha384());
}

static int start_sha512(struct dfu_hash *h)
{
    return start(h, &dfu_sha512_openssl, EVP_sha512());
}

static int update(struct dfu_hash *h, const void *data, size_t len)
{
    if (!h->state.handle) {
        return DFU_ERR_STATE;
    }
    return EVP_DigestUpdate(h->state.handle, data, len) == 1 ? 0 : DFU_ERR_IO;
}

static int finish(struct dfu_hash *h, uint8_t *out)
{
    EVP_MD_CTX *ctx = h->state.handle;
    int err = 0;

    if (!ctx) {
        return DFU_ERR_STATE;
    }
    if (out && EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
        err = DFU_ERR_IO;
    }
    EVP_MD_CTX_free(ctx);
    h->state.handle = NULL;
    return err;
}

const struct dfu_hash_alg dfu_sha256_openssl = {
    .name = "SHA256",
    .tlv_type = 0x10,
    .size = 32,
    .start = start_sha256,
    .update = update,
    .finish = finish,
};

const struct dfu_hash_alg dfu_sha384_openssl = {
    .name = "SHA384",
    .tlv_type = 0x11,
    .size = 48,
    .start = start_sha384,
    .update = update,
    .finish = finish,
};

const struct dfu_hash_alg dfu_sha512_openssl = {
    .name = "SHA512",
    .tlv_type = 0x12,
    .size = 64,
    .start = start_sha512,
    .update = update,
    .finish = finish,
};
