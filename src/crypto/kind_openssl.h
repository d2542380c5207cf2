/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* kind_openssl.h - which of the image schemes an OpenSSL key belongs to. */
#ifndef DFU_CRYPTO_KIND_OPENSSL_H
#define DFU_CRYPTO_KIND_OPENSSL_H

#include "dfu/crypto.h"

struct evp_pkey_st;     /* EVP_PKEY */
struct evp_pkey_ctx_st; /* EVP_PKEY_CTX */

/* RSA-PSS for images: SHA-256 throughout, and this many bytes of salt, neither more nor less. */
#define PSS_SALT_SIZE 32

/* NULL for every other type, size and curve. */
const struct dfu_sig_alg *kind_of_key(const struct evp_pkey_st *pkey);

/* Set an initialised sign or verify context up for image signatures. 1 or not, as OpenSSL. */
int kind_set_pss(struct evp_pkey_ctx_st *ctx);

#endif
