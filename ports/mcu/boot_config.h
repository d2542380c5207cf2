/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_config.h - the bootloader's one configuration, from its options. A constant that every file sees:
 * code for what it does not ask for is never made. So it is checked here, not at each start; its
 * map was checked by dfu_board_table. */
#ifndef DFU_MCU_BOOT_CONFIG_H
#define DFU_MCU_BOOT_CONFIG_H

#include "autoconf.h"
#include "board_table.h"
#include "console.h"
#include "dfu/boot.h"
#include "dfu/recovery.h"
#include "mcu_crypto.h"

#if defined(CONFIG_BOOT_SWAP_USING_OFFSET)
#define BOOT_STRATEGY dfu_boot_swap_offset
#elif defined(CONFIG_BOOT_SWAP_USING_SCRATCH)
#define BOOT_STRATEGY dfu_boot_swap_scratch
#elif defined(CONFIG_BOOT_UPGRADE_ONLY)
#define BOOT_STRATEGY dfu_boot_overwrite
#elif defined(CONFIG_BOOT_DIRECT_XIP)
#define BOOT_STRATEGY dfu_boot_direct_xip
#else
#define BOOT_STRATEGY dfu_boot_swap_move
#endif

#define BOOT_WORK_SIZE     512u
#define BOOT_RESPONSE_SIZE 384u

extern uint8_t boot_work[BOOT_WORK_SIZE];
extern uint8_t boot_response[BOOT_RESPONSE_SIZE];

void boot_say(void *ctx, const struct dfu_boot_event *event);

#ifdef CONFIG_BOOT_IMG_HASH_ALG_SHA512
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
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_PURE)
#define BOOT_SIGNATURE      dfu_ed25519_pure_monocypher
#define BOOT_PUBLIC_KEY     ed25519_pub_key
#define BOOT_PUBLIC_KEY_LEN 44u
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_ED25519)
#define BOOT_SIGNATURE      dfu_ed25519_monocypher
#define BOOT_PUBLIC_KEY     ed25519_pub_key
#define BOOT_PUBLIC_KEY_LEN 44u
#elif defined(CONFIG_BOOT_SIGNATURE_TYPE_ECDSA_P256)
#define BOOT_SIGNATURE      dfu_ecdsa_p256_uecc
#define BOOT_PUBLIC_KEY     ecdsa_pub_key
#define BOOT_PUBLIC_KEY_LEN 91u
#endif

#ifndef CONFIG_BOOT_SIGNATURE_TYPE_NONE
extern const unsigned char BOOT_PUBLIC_KEY[];

static const struct dfu_key boot_keys[] = { { &BOOT_SIGNATURE, BOOT_PUBLIC_KEY,
                                              BOOT_PUBLIC_KEY_LEN } };
#endif

static const struct dfu_boot_config boot_config = {
    .map = &board_map,
    .strategy = &BOOT_STRATEGY,
    .policy = {
        .hashes = boot_hashes,
#ifdef CONFIG_BOOT_SIGNATURE_TYPE_NONE
        .hash_only = true,
#else
        .keys = boot_keys,
        .key_count = 1,
#endif
    },
#ifdef CONFIG_BOOT_VALIDATE_SLOT0
    .validate_primary = true,
#endif
    .buf = boot_work,
    .buf_len = sizeof boot_work,
#ifdef CONFIG_LOG
    .event = boot_say,
#endif
};
_Static_assert(sizeof boot_work >= 64 && sizeof boot_work % DFU_FLASH_WRITE_SIZE_MAX == 0,
               "a work buffer as dfu_boot_check() wants it");

static const struct dfu_recovery_config recovery_config = {
    .map = &board_map,
    .policy = {
        .hashes = boot_hashes,
#ifdef CONFIG_BOOT_SIGNATURE_TYPE_NONE
        .hash_only = true,
#else
        .keys = boot_keys,
        .key_count = 1,
#endif
    },
#ifdef CONFIG_BOOT_ERASE_PROGRESSIVELY
    .erase_progressively = true,
#endif
    .buf = boot_work,
    .buf_len = sizeof boot_work,
    .response = boot_response,
    .response_cap = sizeof boot_response,
    .buf_size = CONSOLE_PACKET_MAX,
};

#endif
