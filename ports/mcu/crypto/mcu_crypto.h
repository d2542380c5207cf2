/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* mcu_crypto.h - crypto.h's tables over libraries that fit a microcontroller. No heap. */
#ifndef DFU_MCU_CRYPTO_H
#define DFU_MCU_CRYPTO_H

#include "dfu/crypto.h"

extern const struct dfu_hash_alg dfu_sha256_bearssl;
extern const struct dfu_sig_alg dfu_ecdsa_p256_uecc;

#endif
