/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* crypto.h - instead of Mbed TLS's, for p256-m: nothing here signs, so nothing is random. */
#ifndef DFU_MCU_PSA_CRYPTO_H
#define DFU_MCU_PSA_CRYPTO_H

#define psa_generate_random(output, size) (-1)

#endif
