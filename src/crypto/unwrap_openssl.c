/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The device's side of encrypted images: a content key out of its TLV. A private key is decoded
 * anew for each, so that nothing secret is kept between calls. */
#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "crypto/ecies_openssl.h"
#include "crypto/encoding_openssl.h"
#include "dfu/err.h"

/* NULL unless these bytes are exactly one private key. */
static EVP_PKEY *decode_key(const struct dfu_unwrap_key *key)
{
    const uint8_t *p = key->bytes;
    EVP_PKEY *pkey;

    if (!p || key->len == 0 || key->len > LONG_MAX) {
        return NULL;
    }
    pkey = d2i_AutoPrivateKey(NULL, &p, (long)key->len);
    if (pkey && p != key->bytes + key->len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

/* ---- RSA ---- */

static int decrypt_oaep(EVP_PKEY *pkey, const uint8_t *wrapped, size_t wrapped_len, uint8_t *out,
                        size_t out_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    uint8_t plain[DFU_WRAPPED_KEY_MAX];
    size_t len = sizeof(plain);
    int err = DFU_ERR_VERIFY;

    if (ctx && EVP_PKEY_decrypt_init(ctx) == 1 && oaep_set(ctx) &&
        EVP_PKEY_decrypt(ctx, plain, &len, wrapped, wrapped_len) == 1 && len == out_len) {
        memcpy(out, plain, out_len);
        err = 0;
    }
    OPENSSL_cleanse(plain, sizeof(plain));
    EVP_PKEY_CTX_free(ctx);
    return err;
}

static int unwrap_rsa2048(const struct dfu_unwrap_key *key, const uint8_t *wrapped,
                          size_t wrapped_len, uint8_t *content_key, size_t content_key_len)
{
    EVP_PKEY *pkey;
    int err = DFU_ERR_INVAL;

    ERR_set_mark();
    pkey = decode_key(key);
    if (pkey && oaep_fits(pkey)) {
        err = decrypt_oaep(pkey, wrapped, wrapped_len, content_key, content_key_len);
    }
    EVP_PKEY_free(pkey);
    ERR_pop_to_mark();
    return err;
}

/* ---- AES key wrap ---- */

static int unwrap_kw(const struct dfu_unwrap_key *key, const uint8_t *wrapped, size_t wrapped_len,
                     uint8_t *content_key, size_t content_key_len)
{
    int done;

    if (key->len != content_key_len) {
        return DFU_ERR_INVAL;
    }
    ERR_set_mark();
    done = kw_run(0, key, wrapped, wrapped_len, content_key);
    ERR_pop_to_mark();
    return done ? 0 : DFU_ERR_VERIFY;
}

/* ---- ECIES ---- */

/* The sender's half; OpenSSL checks that a point is on its curve. */
static EVP_PKEY *decode_point(const struct ecies *how, const uint8_t *point)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *)(how->group ? how->group : how->type), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, how->point_len),
        OSSL_PARAM_construct_end(),
    };

    return key_from_params(how->type, EVP_PKEY_PUBLIC_KEY, params);
}

/* The tag is checked before anything is unwrapped. */
static int open_wrapped(const struct ecies *how, const uint8_t secret[ECIES_SECRET_SIZE],
                        const uint8_t *tag, uint8_t *content_key, size_t len)
{
    uint8_t cipher_key[DFU_CONTENT_KEY_MAX], tag_key[ECIES_TAG_MAX], right[ECIES_TAG_MAX];
    const uint8_t *wrapped = tag + how->hash_len;
    int err = DFU_ERR_VERIFY;

    if (ecies_derive(how, secret, cipher_key, len, tag_key) &&
        ecies_tag(how, tag_key, wrapped, len, right) &&
        CRYPTO_memcmp(right, tag, how->hash_len) == 0) {
        memcpy(content_key, wrapped, len);
        err = dfu_aes_ctr_openssl.apply(cipher_key, len, 0, content_key, len);
    }
    OPENSSL_cleanse(cipher_key, sizeof(cipher_key));
    OPENSSL_cleanse(tag_key, sizeof(tag_key));
    return err;
}

static int unwrap_for(const struct ecies *how, EVP_PKEY *own, const uint8_t *wrapped,
                      uint8_t *content_key, size_t content_key_len)
{
    EVP_PKEY *peer = decode_point(how, wrapped);
    uint8_t secret[ECIES_SECRET_SIZE];
    int err = DFU_ERR_VERIFY;

    if (peer && ecies_agree(own, peer, secret)) {
        err = open_wrapped(how, secret, wrapped + how->point_len, content_key, content_key_len);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    EVP_PKEY_free(peer);
    return err;
}

static int unwrap_ecies(const struct ecies *how, const struct dfu_unwrap_key *key,
                        const uint8_t *wrapped, uint8_t *content_key, size_t content_key_len)
{
    EVP_PKEY *own;
    int err = DFU_ERR_INVAL;

    ERR_set_mark();
    own = decode_key(key);
    if (own && ecies_fits(how, own)) {
        err = unwrap_for(how, own, wrapped, content_key, content_key_len);
    }
    EVP_PKEY_free(own);
    ERR_pop_to_mark();
    return err;
}

/* Only the uncompressed form of a point has its length. */
static int unwrap_ec256(const struct dfu_unwrap_key *key, const uint8_t *wrapped,
                        size_t wrapped_len, uint8_t *content_key, size_t content_key_len)
{
    (void)wrapped_len;
    return wrapped[0] == 0x04
               ? unwrap_ecies(&ecies_p256, key, wrapped, content_key, content_key_len)
               : DFU_ERR_VERIFY;
}

static int unwrap_x25519(const struct dfu_unwrap_key *key, const uint8_t *wrapped,
                         size_t wrapped_len, uint8_t *content_key, size_t content_key_len)
{
    (void)wrapped_len;
    return unwrap_ecies(&ecies_x25519, key, wrapped, content_key, content_key_len);
}

static int unwrap_x25519_sha512(const struct dfu_unwrap_key *key, const uint8_t *wrapped,
                                size_t wrapped_len, uint8_t *content_key, size_t content_key_len)
{
    (void)wrapped_len;
    return unwrap_ecies(&ecies_x25519_sha512, key, wrapped, content_key, content_key_len);
}

const struct dfu_unwrap_alg dfu_unwrap_rsa2048_openssl = {
    .name = "RSA-OAEP-2048",
    .tlv_type = 0x30,
    .wrapped_len = { 256, 256 },
    .unwrap = unwrap_rsa2048,
};

const struct dfu_unwrap_alg dfu_unwrap_kw_openssl = {
    .name = "AES-KW",
    .tlv_type = 0x31,
    .wrapped_len = { 24, 40 },
    .unwrap = unwrap_kw,
};

const struct dfu_unwrap_alg dfu_unwrap_ec256_openssl = {
    .name = "ECIES-P256",
    .tlv_type = 0x32,
    .wrapped_len = { 113, 129 },
    .unwrap = unwrap_ec256,
};

const struct dfu_unwrap_alg dfu_unwrap_x25519_openssl = {
    .name = "ECIES-X25519",
    .tlv_type = 0x33,
    .wrapped_len = { 80, 96 },
    .unwrap = unwrap_x25519,
};

const struct dfu_unwrap_alg dfu_unwrap_x25519_sha512_openssl = {
    .name = "ECIES-X25519 with SHA-512",
    .tlv_type = 0x34,
    .wrapped_len = { 112, 128 },
    .unwrap = unwrap_x25519_sha512,
};
