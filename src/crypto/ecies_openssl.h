/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* ecies_openssl.h - what both sides of a key wrap share: sizes, key agreement, key derivation,
 * tag, and AES key wrap. (Image format, encrypted images.) */
#ifndef DFU_CRYPTO_ECIES_OPENSSL_H
#define DFU_CRYPTO_ECIES_OPENSSL_H

#include "dfu/crypto.h"

struct evp_pkey_st; /* EVP_PKEY */

#define ECIES_SECRET_SIZE 32u
#define ECIES_POINT_MAX   65u
#define ECIES_TAG_MAX     64u

/* One way of doing it: the curve, and the hash of derivation and tag. */
struct ecies {
    const struct dfu_unwrap_alg *alg;
    const char *type, *group; /* as OpenSSL names the key; group NULL: the type says it all */
    size_t point_len;         /* of the ephemeral public key */
    const char *hash;
    size_t hash_len; /* also the tag's */
};

extern const struct ecies ecies_p256, ecies_x25519, ecies_x25519_sha512;

/* Whether a key can agree on a secret in this way. */
int ecies_fits(const struct ecies *how, const struct evp_pkey_st *pkey);

/* The secret that both sides come to; 1 or not, as OpenSSL. */
int ecies_agree(struct evp_pkey_st *own, struct evp_pkey_st *peer,
                uint8_t secret[ECIES_SECRET_SIZE]);

/* From the secret: the key that wraps, and the key of the tag (hash_len bytes). */
int ecies_derive(const struct ecies *how, const uint8_t secret[ECIES_SECRET_SIZE],
                 uint8_t *cipher_key, size_t cipher_key_len, uint8_t *tag_key);

int ecies_tag(const struct ecies *how, const uint8_t *tag_key, const uint8_t *wrapped, size_t len,
              uint8_t tag[ECIES_TAG_MAX]);

/* RFC 3394 with its own initial value, wrapping or unwrapping len bytes; 1 or not. */
int kw_run(int wraps, const struct dfu_unwrap_key *kek, const uint8_t *in, size_t len,
           uint8_t *out);

/* RSAES-OAEP with SHA-256 throughout. ctx is initialised; 1 or not. */
struct evp_pkey_ctx_st;
int oaep_set(struct evp_pkey_ctx_st *ctx);

/* Whether this is a key of the size that images use. */
int oaep_fits(const struct evp_pkey_st *pkey);

#endif
