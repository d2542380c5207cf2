/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Signature checks. A key is decoded anew for each check: the bytes are what the caller trusts,
 * and nothing has to be kept or released between calls. What OpenSSL puts into its error queue
 * is taken out again; the caller's own entries stay. */
#include <limits.h>
#include <stdbool.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/encoding_openssl.h"
#include "crypto/kind_openssl.h"
#include "dfu/err.h"

#define SHA256_SIZE 32u
#define SHA384_SIZE 48u

/* NULL unless der is exactly one key of this scheme. */
static EVP_PKEY *decode_key(const struct dfu_key *key, const struct dfu_sig_alg *alg)
{
    bool is_rsa = alg == &dfu_rsa2048_openssl || alg == &dfu_rsa3072_openssl;
    const uint8_t *p = key->der;
    EVP_PKEY *pkey;

    if (!p || key->der_len == 0 || key->der_len > LONG_MAX) {
        return NULL;
    }
    pkey = is_rsa ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)key->der_len)
                  : key_from_public(key->der, key->der_len);
    if (pkey && ((is_rsa && p != key->der + key->der_len) || kind_of_key(pkey) != alg)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

static int check_digest(EVP_PKEY *pkey, const uint8_t *digest, size_t digest_len,
                        const uint8_t *sig, size_t sig_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    int err = DFU_ERR_IO;

    if (ctx && EVP_PKEY_verify_init(ctx) == 1 &&
        (!EVP_PKEY_is_a(pkey, "RSA") || kind_set_pss(ctx))) {
        err = EVP_PKEY_verify(ctx, sig, sig_len, digest, digest_len) == 1 ? 0 : DFU_ERR_VERIFY;
    }
    EVP_PKEY_CTX_free(ctx);
    return err;
}

static int check_message(EVP_PKEY *pkey, const uint8_t *message, size_t message_len,
                         const uint8_t *sig, size_t sig_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int err = DFU_ERR_IO;

    if (ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1) {
        err = EVP_DigestVerify(ctx, sig, sig_len, message, message_len) == 1 ? 0 : DFU_ERR_VERIFY;
    }
    EVP_MD_CTX_free(ctx);
    return err;
}

static int verify_with(const struct dfu_key *key, const struct dfu_sig_alg *alg,
                       const uint8_t *data, size_t len, const uint8_t *sig, size_t sig_len)
{
    EVP_PKEY *pkey;
    int err = DFU_ERR_INVAL;

    ERR_set_mark();
    pkey = decode_key(key, alg);
    if (pkey && alg == &dfu_ed25519_openssl) {
        err = check_message(pkey, data, len, sig, sig_len);
    } else if (pkey) {
        err = check_digest(pkey, data, len, sig, sig_len);
    }
    EVP_PKEY_free(pkey);
    ERR_pop_to_mark();
    return err;
}

static int verify_rsa(const struct dfu_key *key, const struct dfu_sig_alg *alg,
                      const uint8_t *digest, size_t digest_len, const uint8_t *sig, size_t sig_len)
{
    if (digest_len != SHA256_SIZE || sig_len != alg->max_len) {
        return DFU_ERR_VERIFY;
    }
    return verify_with(key, alg, digest, digest_len, sig, sig_len);
}

static int verify_rsa2048(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                          const uint8_t *sig, size_t sig_len)
{
    return verify_rsa(key, &dfu_rsa2048_openssl, digest, digest_len, sig, sig_len);
}

static int verify_rsa3072(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                          const uint8_t *sig, size_t sig_len)
{
    return verify_rsa(key, &dfu_rsa3072_openssl, digest, digest_len, sig, sig_len);
}

/* The length of the DER at the start of sig if only zero bytes follow it, else 0. Signatures of
 * both curves have a length of one byte; OpenSSL refuses whatever is not strict. */
static size_t der_length(const uint8_t *sig, size_t sig_len)
{
    size_t len;

    if (sig_len < 2 || sig[0] != 0x30) {
        return 0;
    }
    len = 2u + sig[1];
    for (size_t i = len; i < sig_len; i++) {
        if (sig[i] != 0) {
            return 0;
        }
    }
    return len <= sig_len ? len : 0;
}

static int verify_ecdsa(const struct dfu_key *key, const struct dfu_sig_alg *alg,
                        const uint8_t *digest, size_t digest_len, const uint8_t *sig,
                        size_t sig_len)
{
    size_t len = der_length(sig, sig_len);

    return len ? verify_with(key, alg, digest, digest_len, sig, len) : DFU_ERR_VERIFY;
}

static int verify_p256(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                       const uint8_t *sig, size_t sig_len)
{
    if (digest_len != SHA256_SIZE) {
        return DFU_ERR_VERIFY;
    }
    return verify_ecdsa(key, &dfu_ecdsa_p256_openssl, digest, digest_len, sig, sig_len);
}

static int verify_p384(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                       const uint8_t *sig, size_t sig_len)
{
    if (digest_len != SHA384_SIZE) {
        return DFU_ERR_VERIFY;
    }
    return verify_ecdsa(key, &dfu_ecdsa_p384_openssl, digest, digest_len, sig, sig_len);
}

static int verify_ed25519(const struct dfu_key *key, const uint8_t *digest, size_t digest_len,
                          const uint8_t *sig, size_t sig_len)
{
    return verify_with(key, &dfu_ed25519_openssl, digest, digest_len, sig, sig_len);
}

/* OpenSSL 3.0 checks Ed25519 in one go only, so the message has to be in memory at once. */
static int verify_ed25519_message(const struct dfu_key *key, const struct dfu_reader *r,
                                  uint32_t len, const uint8_t *sig, size_t sig_len)
{
    uint8_t *message;
    int err;

    if (len > r->size) {
        return DFU_ERR_RANGE;
    }
    message = OPENSSL_malloc(len ? len : 1);
    if (!message) {
        return DFU_ERR_NOSPACE;
    }
    err = r->read(r->ctx, 0, message, len);
    if (!err) {
        err = verify_ed25519(key, message, len, sig, sig_len);
    }
    OPENSSL_free(message);
    return err;
}

const struct dfu_sig_alg dfu_rsa2048_openssl = {
    .name = "RSA-2048",
    .tlv_type = 0x20,
    .min_len = 256,
    .max_len = 256,
    .hash_types = { 0x10 },
    .verify = verify_rsa2048,
};

const struct dfu_sig_alg dfu_rsa3072_openssl = {
    .name = "RSA-3072",
    .tlv_type = 0x23,
    .min_len = 384,
    .max_len = 384,
    .hash_types = { 0x10 },
    .verify = verify_rsa3072,
};

/* The shortest DER holds two numbers of one byte; 128 is the size of MCUboot's buffer. */
const struct dfu_sig_alg dfu_ecdsa_p256_openssl = {
    .name = "ECDSA-P256",
    .tlv_type = 0x22,
    .min_len = 8,
    .max_len = 128,
    .hash_types = { 0x10 },
    .verify = verify_p256,
};

const struct dfu_sig_alg dfu_ecdsa_p384_openssl = {
    .name = "ECDSA-P384",
    .tlv_type = 0x22,
    .min_len = 8,
    .max_len = 128,
    .hash_types = { 0x11 },
    .verify = verify_p384,
};

const struct dfu_sig_alg dfu_ed25519_openssl = {
    .name = "Ed25519",
    .tlv_type = 0x24,
    .min_len = 64,
    .max_len = 64,
    .hash_types = { 0x10, 0x12 },
    .verify = verify_ed25519,
    .verify_message = verify_ed25519_message,
};
