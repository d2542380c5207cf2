/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The sender's side of encrypted images, for tools: a content key into its TLV. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/ecies_openssl.h"
#include "dfu/err.h"
#include "dfu/openssl.h"

#define KW_EXTRA 8u

static int wrap_rsa2048(void *key, const uint8_t *content_key, size_t content_key_len, uint8_t *out,
                        size_t cap)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t len = cap;
    int err = DFU_ERR_IO;

    ERR_set_mark();
    if (ctx && EVP_PKEY_encrypt_init(ctx) == 1 && oaep_set(ctx) &&
        EVP_PKEY_encrypt(ctx, out, &len, content_key, content_key_len) == 1) {
        err = 0;
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_pop_to_mark();
    return err ? err : (int)len;
}

static int wrap_kw(void *kek, const uint8_t *content_key, size_t content_key_len, uint8_t *out,
                   size_t cap)
{
    const struct dfu_unwrap_key *key = kek;
    int done;

    if (key->len != content_key_len) {
        return DFU_ERR_INVAL;
    }
    if (cap < content_key_len + KW_EXTRA) {
        return DFU_ERR_NOSPACE;
    }
    ERR_set_mark();
    done = kw_run(1, key, content_key, content_key_len, out);
    ERR_pop_to_mark();
    return done ? (int)(content_key_len + KW_EXTRA) : DFU_ERR_IO;
}

static int put_point(const struct ecies *how, EVP_PKEY *pkey, uint8_t *out)
{
    size_t len = 0;

    return EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out,
                                           how->point_len, &len) == 1 &&
           len == how->point_len;
}

/* The ephemeral key's public half, the tag, the content key under what both sides derive. */
static int seal(const struct ecies *how, EVP_PKEY *ephemeral, EVP_PKEY *peer,
                const uint8_t *content_key, size_t len, uint8_t *out)
{
    uint8_t secret[ECIES_SECRET_SIZE], cipher_key[DFU_CONTENT_KEY_MAX], tag_key[ECIES_TAG_MAX];
    uint8_t right[ECIES_TAG_MAX];
    uint8_t *tag = out + how->point_len, *wrapped = tag + how->hash_len;
    int err = DFU_ERR_IO;

    if (put_point(how, ephemeral, out) && ecies_agree(ephemeral, peer, secret) &&
        ecies_derive(how, secret, cipher_key, len, tag_key)) {
        memcpy(wrapped, content_key, len);
        err = dfu_aes_ctr_openssl.apply(cipher_key, len, 0, wrapped, len);
    }
    if (!err && !ecies_tag(how, tag_key, wrapped, len, right)) {
        err = DFU_ERR_IO;
    }
    if (!err) {
        memcpy(tag, right, how->hash_len);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(cipher_key, sizeof(cipher_key));
    OPENSSL_cleanse(tag_key, sizeof(tag_key));
    return err;
}

static int wrap_ecies(const struct ecies *how, EVP_PKEY *peer, const uint8_t *content_key,
                      size_t content_key_len, uint8_t *out, size_t cap)
{
    size_t len = how->point_len + how->hash_len + content_key_len;
    EVP_PKEY *ephemeral;
    int err = DFU_ERR_IO;

    if (cap < len || content_key_len > DFU_CONTENT_KEY_MAX) {
        return DFU_ERR_NOSPACE;
    }
    ERR_set_mark();
    ephemeral = how->group ? EVP_EC_gen(how->group) : EVP_PKEY_Q_keygen(NULL, NULL, how->type);
    if (ephemeral) {
        err = seal(how, ephemeral, peer, content_key, content_key_len, out);
    }
    EVP_PKEY_free(ephemeral);
    ERR_pop_to_mark();
    return err ? err : (int)len;
}

static int wrap_ec256(void *key, const uint8_t *content_key, size_t content_key_len, uint8_t *out,
                      size_t cap)
{
    return wrap_ecies(&ecies_p256, key, content_key, content_key_len, out, cap);
}

static int wrap_x25519(void *key, const uint8_t *content_key, size_t content_key_len, uint8_t *out,
                       size_t cap)
{
    return wrap_ecies(&ecies_x25519, key, content_key, content_key_len, out, cap);
}

static int wrap_x25519_sha512(void *key, const uint8_t *content_key, size_t content_key_len,
                              uint8_t *out, size_t cap)
{
    return wrap_ecies(&ecies_x25519_sha512, key, content_key, content_key_len, out, cap);
}

const struct dfu_unwrap_alg *dfu_openssl_unwrap_alg(const EVP_PKEY *pkey, bool with_sha512)
{
    if (ecies_fits(&ecies_x25519, pkey)) {
        return with_sha512 ? &dfu_unwrap_x25519_sha512_openssl : &dfu_unwrap_x25519_openssl;
    }
    if (with_sha512) {
        return NULL;
    }
    if (oaep_fits(pkey)) {
        return &dfu_unwrap_rsa2048_openssl;
    }
    return ecies_fits(&ecies_p256, pkey) ? &dfu_unwrap_ec256_openssl : NULL;
}

static int encode_pkcs8(const EVP_PKEY *pkey, uint8_t **der)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, der) : -1;

    PKCS8_PRIV_KEY_INFO_free(info);
    return len;
}

int dfu_openssl_private_key(EVP_PKEY *pkey, uint8_t *buf, size_t cap)
{
    uint8_t *der = NULL;
    int len, result;

    if (!dfu_openssl_unwrap_alg(pkey, false)) {
        return DFU_ERR_NOTSUP;
    }
    ERR_set_mark();
    len = EVP_PKEY_is_a(pkey, "RSA") ? i2d_PrivateKey(pkey, &der) : encode_pkcs8(pkey, &der);
    ERR_pop_to_mark();
    if (len <= 0) {
        return DFU_ERR_NOTSUP; /* the public half alone */
    }
    result = (size_t)len > cap ? DFU_ERR_NOSPACE : len;
    if (result > 0) {
        memcpy(buf, der, (size_t)len);
    }
    OPENSSL_clear_free(der, (size_t)len);
    return result;
}

int dfu_openssl_wrapper(EVP_PKEY *pkey, bool with_sha512, struct dfu_wrapper *out)
{
    const struct dfu_unwrap_alg *alg = dfu_openssl_unwrap_alg(pkey, with_sha512);

    if (!alg) {
        return DFU_ERR_NOTSUP;
    }
    *out = (struct dfu_wrapper){
        .tlv_type = alg->tlv_type,
        .wrap = alg == &dfu_unwrap_rsa2048_openssl  ? wrap_rsa2048
                : alg == &dfu_unwrap_ec256_openssl  ? wrap_ec256
                : alg == &dfu_unwrap_x25519_openssl ? wrap_x25519
                                                    : wrap_x25519_sha512,
        .ctx = pkey,
    };
    return 0;
}

int dfu_openssl_kw_wrapper(const struct dfu_unwrap_key *kek, struct dfu_wrapper *out)
{
    if (kek->len != 16 && kek->len != 32) {
        return DFU_ERR_INVAL;
    }
    *out = (struct dfu_wrapper){
        .tlv_type = dfu_unwrap_kw_openssl.tlv_type,
        .wrap = wrap_kw,
        .ctx = (void *)kek,
    };
    return 0;
}
