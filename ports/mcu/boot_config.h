/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_config.h - the bootloader's one configuration, from its options. A constant that every file sees:
 * code for what it does not ask for is never made. So it is checked here, not at each start; its
 * map was checked by dfu_board_table. */
#ifndef DFU_MCU_BOOT_CONFIG_H
#define DFU_MCU_BOOT_CONFIG_H

#include "autoconf.h"
#include "board_table.h"
#include "boot_policy.h"
#include "console.h"
#include "dfu/boot.h"
#include "dfu/recovery.h"

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

static const struct dfu_boot_config boot_config = {
    .map = &board_map,
    .strategy = &BOOT_STRATEGY,
    .policy = BOOT_POLICY,
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
    .policy = BOOT_POLICY,
#ifdef CONFIG_BOOT_ERASE_PROGRESSIVELY
    .erase_progressively = true,
#endif
#ifndef CONFIG_BOOT_MGMT_ECHO
    .no_echo = true,
#endif
#ifndef CONFIG_BOOT_SERIAL_IMG_GRP_ERASE
    .no_erase = true,
#endif
#ifndef CONFIG_BOOT_SERIAL_IMG_GRP_SLOT_INFO
    .no_slot_info = true,
#endif
#ifndef CONFIG_BOOT_SERIAL_IMG_GRP_IMAGE_STATE
    .no_image_state = true,
#endif
    .buf = boot_work,
    .buf_len = sizeof boot_work,
    .response = boot_response,
    .response_cap = sizeof boot_response,
    .buf_size = CONSOLE_PACKET_MAX,
};

#endif
