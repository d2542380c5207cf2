/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* mcu_pair.h - a signature and its key, checked as microcontrollers do and as OpenSSL does. */
#ifndef TEST_MCU_PAIR_H
#define TEST_MCU_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "dfu/crypto.h"

struct mcu_scheme {
    const struct dfu_sig_alg *alg, *host;
    const char *file; /* of the development key, as its name goes on */
    size_t digest_len;
};

struct mcu_pair {
    EVP_PKEY *pkey;
    uint8_t der[DFU_PUBLIC_KEY_MAX + 1], digest[DFU_HASH_MAX], sig[DFU_SIGNATURE_MAX + 1];
    size_t der_len, digest_len, sig_len;
    const struct mcu_scheme *scheme;
};

/* A key of the scheme, and its signature of a digest that seed gives. The key is freed by the caller. */
void mcu_pair_make(struct mcu_pair *pair, const struct mcu_scheme *scheme, unsigned seed);

/* What the microcontroller's scheme says: 0 or DFU_ERR_VERIFY. */
int mcu_pair_verify(const struct mcu_pair *pair);

/* ... and OpenSSL, too. */
int mcu_pair_verify_both(const struct mcu_pair *pair);

/* In buffers of just the length: a sanitizer sees a byte too many. (cmocka's have guards of their own,
 * which only writes are noticed in.) */
int mcu_pair_verify_cut(const struct mcu_pair *pair, size_t der_len, size_t sig_len,
                        size_t digest_len);

#endif
