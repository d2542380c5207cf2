/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* mcu_mbedtls_config.h - what Mbed TLS is asked for: MBEDTLS_CONFIG_FILE. */
#ifndef DFU_MCU_MBEDTLS_CONFIG_H
#define DFU_MCU_MBEDTLS_CONFIG_H

#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER

#endif
