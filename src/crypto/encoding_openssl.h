/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* encoding_openssl.h - keys as bytes, and back.
 *
 * OpenSSL's own encoders and decoders take longer to set up than a signature takes. So the encodings
 * that keygen, imgtool and openssl write are told by their bytes, and only others go there. */
#ifndef DFU_CRYPTO_ENCODING_OPENSSL_H
#define DFU_CRYPTO_ENCODING_OPENSSL_H

#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st;   /* EVP_PKEY */
struct ossl_param_st; /* OSSL_PARAM */

/* A key of numbers (EVP_PKEY_PUBLIC_KEY or EVP_PKEY_KEYPAIR), or NULL. */
struct evp_pkey_st *key_from_params(const char *type, int selection, struct ossl_param_st *params);

/* A key from exactly one SubjectPublicKeyInfo, or one PrivateKeyInfo (PKCS #8) that no passphrase
 * protects; NULL if it is not one. May leave entries in OpenSSL's error queue. */
struct evp_pkey_st *key_from_public(const uint8_t *der, size_t len);
struct evp_pkey_st *key_from_private(const uint8_t *der, size_t len);

/* SubjectPublicKeyInfo of a P-256, P-384, Ed25519 or X25519 key, the point uncompressed. The
 * length, DFU_ERR_NOSPACE, or 0 for others. */
int key_to_public(const struct evp_pkey_st *pkey, uint8_t *buf, size_t cap);

#endif
