/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* platform.h - instead of Mbed TLS's, which asks for a C library's headers: nothing is printed. */
#ifndef DFU_MCU_MBEDTLS_PLATFORM_H
#define DFU_MCU_MBEDTLS_PLATFORM_H

#endif
