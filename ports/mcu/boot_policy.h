/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_policy.h - which images the bootloader takes, from its options; for the bootloader, and for
 * applications that check an update before they mark it. */
#ifndef DFU_MCU_BOOT_POLICY_H
#define DFU_MCU_BOOT_POLICY_H

#include "boot/autoconf.h"
#include "dfu/image.h"
#include "mcu_crypto.h"

#if defined(CONFIG_BOOT_IMG_HASH_ALG_SHA512) && defined(CONFIG_BOOT_ED25519_C25519)
static const struct dfu_hash_alg *const boot_hashes[] = { &dfu_sha512_c25519, NULL };
#elif defined(CONFIG_BOOT_IMG_HASH_ALG_SHA512)
static const struct dfu_hash_alg *const boot_hashes[] = { &dfu_sha512_monocypher, NULL };
#else
static const struct dfu_hash_alg *const boot_hashes[] = { &dfu_sha256_mbedtls, NULL };
#endif

/* The scheme, and the public key as `dfu getpub` names and encodes it. */
#if defined(CONFIG_BOOT_SIGNATURE_TYPE_RSA) && CONFIG_BOOT_SIGNATURE_TYPE_RSA_LEN == 3072
#define BOOT_SIGNATURE      dfu_rsa3072_bearssl
#define BOOT_PUBLIC_KEY     rsa_pub_key
#define BOOT_PUBLIC_KEY_LEN 398u
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_RSA)
#define BOOT_SIGNATURE      dfu_rsa2048_bearssl
#define BOOT_PUBLIC_KEY     rsa_pub_key
#define BOOT_PUBLIC_KEY_LEN 270u
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_ED25519)
#if defined(CONFIG_BOOT_SIGNATURE_TYPE_PURE) && defined(CONFIG_BOOT_ED25519_C25519)
#define BOOT_SIGNATURE dfu_ed25519_pure_c25519
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_PURE)
#define BOOT_SIGNATURE dfu_ed25519_pure_monocypher
#elif defined(CONFIG_BOOT_ED25519_C25519)
#define BOOT_SIGNATURE dfu_ed25519_c25519
#else
#define BOOT_SIGNATURE dfu_ed25519_monocypher
#endif
#define BOOT_PUBLIC_KEY     ed25519_pub_key
#define BOOT_PUBLIC_KEY_LEN 44u
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_ECDSA_P256)
#ifdef CONFIG_BOOT_ECDSA_P256M
#define BOOT_SIGNATURE dfu_ecdsa_p256_p256m
#else
#define BOOT_SIGNATURE dfu_ecdsa_p256_uecc
#endif
#define BOOT_PUBLIC_KEY     ecdsa_pub_key
#define BOOT_PUBLIC_KEY_LEN 91u
#endif

#ifndef CONFIG_BOOT_SIGNATURE_TYPE_NONE
extern const unsigned char BOOT_PUBLIC_KEY[];

static const struct dfu_key boot_keys[] = { { &BOOT_SIGNATURE, BOOT_PUBLIC_KEY,
                                              BOOT_PUBLIC_KEY_LEN } };
#endif

#ifdef CONFIG_BOOT_SIGNATURE_TYPE_NONE
#define BOOT_POLICY                              \
    {                                            \
        .hashes = boot_hashes, .hash_only = true \
    }
#else
#define BOOT_POLICY                                              \
    {                                                            \
        .hashes = boot_hashes, .keys = boot_keys, .key_count = 1 \
    }
#endif

#endif
