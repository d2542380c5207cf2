/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* platform_util.h - instead of Mbed TLS's, for its own sources: nothing here is secret. */
#ifndef DFU_MCU_PLATFORM_UTIL_H
#define DFU_MCU_PLATFORM_UTIL_H

#define mbedtls_platform_zeroize(bytes, len) ((void)0)

#endif
