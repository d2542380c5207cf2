/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* mcu_crypto.h - crypto.h's tables over libraries that fit a microcontroller. No heap. */
#ifndef DFU_MCU_CRYPTO_H
#define DFU_MCU_CRYPTO_H

#include "dfu/crypto.h"

extern const struct dfu_hash_alg dfu_sha256_mbedtls, dfu_sha512_monocypher, dfu_sha512_c25519;
extern const struct dfu_sig_alg dfu_ecdsa_p256_uecc, dfu_ecdsa_p256_p256m;
extern const struct dfu_sig_alg dfu_rsa2048_bearssl, dfu_rsa3072_bearssl;

/* Ed25519 over the image's hash, or over the image itself; each takes no signature of the other's. */
extern const struct dfu_sig_alg dfu_ed25519_monocypher, dfu_ed25519_pure_monocypher;
extern const struct dfu_sig_alg dfu_ed25519_c25519, dfu_ed25519_pure_c25519;

#endif
