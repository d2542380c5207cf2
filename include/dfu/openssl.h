/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* openssl.h - OpenSSL 3 keys as keys of images. For hosts; needs no OpenSSL header.
 *
 * An EVP_PKEY stays the caller's and must outlive what is made from it. */
#ifndef DFU_OPENSSL_H
#define DFU_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

struct evp_pkey_st; /* EVP_PKEY */

/* The scheme a key signs with; NULL if images know none for it (X25519, other sizes or curves). */
const struct dfu_sig_alg *dfu_openssl_sig_alg(const struct evp_pkey_st *pkey);

/* The public half as images carry it: PKCS#1 for RSA, else SubjectPublicKeyInfo with an
 * uncompressed point. Also for X25519. Returns the length, DFU_ERR_NOSPACE, or DFU_ERR_NOTSUP
 * for a key no image can carry. */
int dfu_openssl_public_key(struct evp_pkey_st *pkey, uint8_t *buf, size_t cap);

/* Sign with a private key. public_key is its encoding from the call above and must stay valid.
 * DFU_ERR_NOTSUP if the key is of no kind that signs images. RSA-PSS signatures are random;
 * Ed25519 and ECDSA (RFC 6979) give the same bytes for the same input, but for an ECDSA key that
 * cannot be read out, as in a token. */
int dfu_openssl_signer(struct evp_pkey_st *pkey, const uint8_t *public_key, size_t public_key_len,
                       struct dfu_signer *out);

/* ---- Encryption ---- */

#define DFU_PRIVATE_KEY_MAX 1280u /* RSA-2048 with everything in it */

/* How content keys are wrapped for a key: RSA-2048, P-256 or X25519, the last also with SHA-512.
 * NULL for all others. */
const struct dfu_unwrap_alg *dfu_openssl_unwrap_alg(const struct evp_pkey_st *pkey,
                                                    bool with_sha512);

/* The private half as devices hold it (struct dfu_unwrap_key). Returns the length,
 * DFU_ERR_NOSPACE, or DFU_ERR_NOTSUP for a key that is public or nothing is wrapped for. */
int dfu_openssl_private_key(struct evp_pkey_st *pkey, uint8_t *buf, size_t cap);

/* Wrap content keys for a public or private key. DFU_ERR_NOTSUP as above. Every result differs,
 * because each has fresh randomness in it. */
int dfu_openssl_wrapper(struct evp_pkey_st *pkey, bool with_sha512, struct dfu_wrapper *out);

/* Wrap content keys under an AES key of 16 or 32 bytes, theirs being as long. kek must stay
 * valid. The same key gives the same bytes. */
int dfu_openssl_kw_wrapper(const struct dfu_unwrap_key *kek, struct dfu_wrapper *out);

#ifdef __cplusplus
}
#endif
#endif
