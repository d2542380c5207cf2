/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The private half, for tools: which scheme a key is for, its public encoding, and signing. */
#include <limits.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/ecdsa_gcrypt.h"
#include "crypto/encoding_openssl.h"
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

/* r and s as DER; takes both, frees both. */
static int encode_ecdsa(BIGNUM *r, BIGNUM *s, uint8_t *sig)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    int len = -1;

    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        len = i2d_ECDSA_SIG(pair, &sig);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return len > 0 ? len : DFU_ERR_IO;
}

/* The same signature each time. DFU_ERR_NOTSUP for a digest of another length than the curve's. */
static int sign_ecdsa(const BIGNUM *secret, size_t size, const uint8_t *digest, uint8_t *sig)
{
    uint8_t raw[ECDSA_PART_MAX], r[ECDSA_PART_MAX], s[ECDSA_PART_MAX];
    int err = DFU_ERR_NOTSUP;

    if (size <= sizeof(raw) && BN_bn2binpad(secret, raw, (int)size) == (int)size) {
        err = ecdsa_sign_same(size, raw, digest, r, s);
    }
    OPENSSL_cleanse(raw, sizeof(raw));
    return err ? err
               : encode_ecdsa(BN_bin2bn(r, (int)size, NULL), BN_bin2bn(s, (int)size, NULL), sig);
}

/* A key that does not leave its token signs there, with a nonce of the token's. */
static int sign_ec(EVP_PKEY *pkey, const uint8_t *digest, size_t len, uint8_t *sig, size_t cap)
{
    size_t size = ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
    BIGNUM *secret = NULL;
    int result;

    if (size != len || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1) {
        return sign_digest(pkey, digest, len, sig, cap);
    }
    result = sign_ecdsa(secret, size, digest, sig);
    BN_clear_free(secret);
    return result;
}

static int sign(void *key, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    EVP_PKEY *pkey = key;
    int result;

    if (cap > INT_MAX || cap < (size_t)EVP_PKEY_get_size(pkey)) {
        return DFU_ERR_NOSPACE;
    }
    ERR_set_mark();
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        result = sign_message(pkey, data, len, sig, cap);
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        result = sign_ec(pkey, data, len, sig, cap);
    } else {
        result = sign_digest(pkey, data, len, sig, cap);
    }
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
    len = key_to_public(pkey, buf, cap);
    if (len != 0) {
        ERR_pop_to_mark();
        return len;
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
