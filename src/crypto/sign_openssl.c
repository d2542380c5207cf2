/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The private half, for tools: which scheme a key is for, its public encoding, and signing. */
#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/kind_openssl.h"
#include "dfu/err.h"
#include "dfu/openssl.h"

static int sign_digest(EVP_PKEY *pkey, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    size_t sig_len = cap;
    int err = DFU_ERR_IO;

    if (ctx && EVP_PKEY_sign_init(ctx) == 1 && (!EVP_PKEY_is_a(pkey, "RSA") || kind_set_pss(ctx)) &&
        EVP_PKEY_sign(ctx, sig, &sig_len, data, len) == 1) {
        err = 0;
    }
    EVP_PKEY_CTX_free(ctx);
    return err ? err : (int)sig_len;
}

static int sign_message(EVP_PKEY *pkey, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t sig_len = cap;
    int err = DFU_ERR_IO;

    if (ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
        EVP_DigestSign(ctx, sig, &sig_len, data, len) == 1) {
        err = 0;
    }
    EVP_MD_CTX_free(ctx);
    return err ? err : (int)sig_len;
}

static int sign(void *key, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    EVP_PKEY *pkey = key;
    int result;

    if (cap > INT_MAX || cap < (size_t)EVP_PKEY_get_size(pkey)) {
        return DFU_ERR_NOSPACE;
    }
    ERR_set_mark();
    result = EVP_PKEY_is_a(pkey, "ED25519") ? sign_message(pkey, data, len, sig, cap)
                                            : sign_digest(pkey, data, len, sig, cap);
    ERR_pop_to_mark();
    return result;
}

const struct dfu_sig_alg *dfu_openssl_sig_alg(const struct evp_pkey_st *pkey)
{
    return kind_of_key(pkey);
}

int dfu_openssl_public_key(struct evp_pkey_st *pkey, uint8_t *buf, size_t cap)
{
    uint8_t *der = NULL;
    int len;

    if (!kind_of_key(pkey) && !EVP_PKEY_is_a(pkey, "X25519")) {
        return DFU_ERR_NOTSUP;
    }
    ERR_set_mark();
    if (EVP_PKEY_is_a(pkey, "EC")) {
        /* A key read from a compressed point would be written as one: another hash. */
        EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED);
    }
    len = EVP_PKEY_is_a(pkey, "RSA") ? i2d_PublicKey(pkey, &der) : i2d_PUBKEY(pkey, &der);
    ERR_pop_to_mark();
    if (len <= 0) {
        return DFU_ERR_IO;
    }
    if ((size_t)len > cap) {
        OPENSSL_free(der);
        return DFU_ERR_NOSPACE;
    }
    memcpy(buf, der, (size_t)len);
    OPENSSL_free(der);
    return len;
}

int dfu_openssl_signer(struct evp_pkey_st *pkey, const uint8_t *public_key, size_t public_key_len,
                       struct dfu_signer *out)
{
    const struct dfu_sig_alg *alg = kind_of_key(pkey);

    if (!alg) {
        return DFU_ERR_NOTSUP;
    }
    *out = (struct dfu_signer){
        .tlv_type = alg->tlv_type,
        .public_key = public_key,
        .public_key_len = public_key_len,
        .sign = sign,
        .ctx = pkey,
    };
    return 0;
}
