/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "crypto/ecies_openssl.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#define OKM_MAX   (DFU_CONTENT_KEY_MAX + ECIES_TAG_MAX)
#define KW_EXTRA  8u
#define INFO_TEXT "MCUBoot_ECIES_v1"

const struct ecies ecies_p256 = {
    .alg = &dfu_unwrap_ec256_openssl,
    .type = "EC",
    .group = "prime256v1",
    .point_len = 65,
    .hash = "SHA256",
    .hash_len = 32,
};

const struct ecies ecies_x25519 = {
    .alg = &dfu_unwrap_x25519_openssl,
    .type = "X25519",
    .point_len = 32,
    .hash = "SHA256",
    .hash_len = 32,
};

const struct ecies ecies_x25519_sha512 = {
    .alg = &dfu_unwrap_x25519_sha512_openssl,
    .type = "X25519",
    .point_len = 32,
    .hash = "SHA512",
    .hash_len = 64,
};

int ecies_fits(const struct ecies *how, const EVP_PKEY *pkey)
{
    char group[32];

    if (!EVP_PKEY_is_a(pkey, how->type)) {
        return 0;
    }
    return !how->group || (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
                           strcmp(group, how->group) == 0);
}

int ecies_agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[ECIES_SECRET_SIZE])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t len = ECIES_SECRET_SIZE;
    int done = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
               EVP_PKEY_derive(ctx, secret, &len) == 1 && len == ECIES_SECRET_SIZE;

    EVP_PKEY_CTX_free(ctx);
    return done;
}

int ecies_derive(const struct ecies *how, const uint8_t secret[ECIES_SECRET_SIZE],
                 uint8_t *cipher_key, size_t cipher_key_len, uint8_t *tag_key)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    uint8_t okm[OKM_MAX];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)how->hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, ECIES_SECRET_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, INFO_TEXT, strlen(INFO_TEXT)),
        OSSL_PARAM_construct_end(), /* no salt: zeros */
    };
    int done = ctx && EVP_KDF_derive(ctx, okm, cipher_key_len + how->hash_len, params) == 1;

    if (done) {
        memcpy(cipher_key, okm, cipher_key_len);
        memcpy(tag_key, okm + cipher_key_len, how->hash_len);
    }
    OPENSSL_cleanse(okm, sizeof(okm));
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

int ecies_tag(const struct ecies *how, const uint8_t *tag_key, const uint8_t *wrapped, size_t len,
              uint8_t tag[ECIES_TAG_MAX])
{
    size_t tag_len = 0;

    return EVP_Q_mac(NULL, "HMAC", NULL, how->hash, NULL, tag_key, how->hash_len, wrapped, len, tag,
                     ECIES_TAG_MAX, &tag_len) != NULL &&
           tag_len == how->hash_len;
}

int kw_run(int wraps, const struct dfu_unwrap_key *kek, const uint8_t *in, size_t len, uint8_t *out)
{
    const EVP_CIPHER *cipher = kek->len == 16 ? EVP_aes_128_wrap() : EVP_aes_256_wrap();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int out_len = 0, done;

    if (ctx) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    }
    done = ctx && EVP_CipherInit_ex(ctx, cipher, NULL, kek->bytes, NULL, wraps) == 1 &&
           EVP_CipherUpdate(ctx, out, &out_len, in, (int)len) == 1 &&
           (size_t)out_len == (wraps ? len + KW_EXTRA : len - KW_EXTRA);
    EVP_CIPHER_CTX_free(ctx);
    return done;
}

int oaep_set(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
}

int oaep_fits(const EVP_PKEY *pkey)
{
    return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) == 2048;
}
