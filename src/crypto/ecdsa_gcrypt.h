/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* ecdsa_gcrypt.h - ECDSA whose nonce follows from key and digest (RFC 6979), through libgcrypt:
 * OpenSSL 3.0 has no such signatures. */
#ifndef DFU_CRYPTO_ECDSA_GCRYPT_H
#define DFU_CRYPTO_ECDSA_GCRYPT_H

#include <stddef.h>
#include <stdint.h>

#define ECDSA_PART_MAX 48u /* bytes of r and of s: the curve's size */

/* size is 32 for P-256, which signs SHA-256, and 48 for P-384, which signs SHA-384; secret, digest,
 * r and s have so many bytes, big-endian. 0, or DFU_ERR_NOTSUP or DFU_ERR_IO. */
int ecdsa_sign_same(size_t size, const uint8_t *secret, const uint8_t *digest, uint8_t *r,
                    uint8_t *s);

#endif
