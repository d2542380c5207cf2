/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* app_config.h - the application's one configuration, from its options: constants that every file
 * sees, as the bootloader's in boot_config.h. */
#ifndef DFU_MCU_APP_CONFIG_H
#define DFU_MCU_APP_CONFIG_H

#include "autoconf.h"
#include "board_table.h"
#include "dfu/smp.h"
#include "dfu/smp_img.h"
#include "dfu/smp_os.h"
#include "mcu_crypto.h"

int app_task(void *ctx, uint32_t index, struct dfu_smp_task *task);
int app_reset(void *ctx, bool force, uint8_t boot_mode);

static const struct dfu_smp_os app_os = {
    .kernel = "dfukit",
    .version = CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION,
    .board = BOARD,
#ifdef CONFIG_MCUMGR_GRP_OS_BOOTLOADER_INFO
    .bootloader = "MCUboot",
#endif
    .boot_mode = BOARD_BOOT_MODE,
    .takes_boot_mode = true,
#ifndef CONFIG_MCUMGR_GRP_OS_ECHO
    .no_echo = true,
#endif
#ifndef CONFIG_MCUMGR_GRP_OS_INFO
    .no_info = true,
#endif
    .reset = app_reset,
#ifdef CONFIG_MCUMGR_GRP_OS_TASKSTAT
    .task = app_task,
#endif
};

/* Its upload is main.c's, in RAM. */
static const struct dfu_smp_img app_img = {
    .map = &board_map,
#ifdef CONFIG_IMG_ENABLE_IMAGE_CHECK
    .sha256 = &dfu_sha256_mbedtls,
#endif
    .hash_size = 32,
    .erase_progressively = true,
#ifndef CONFIG_MCUMGR_GRP_IMG_ERASE
    .no_erase = true,
#endif
#ifndef CONFIG_MCUMGR_GRP_IMG_SLOT_INFO
    .no_slot_info = true,
#endif
};

/* main.c fills the table in when it starts. */
enum {
#ifdef CONFIG_USB_DFU_CLASS
    HOOK_LOCK,
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_BT
    HOOK_CHUNK,
#endif
#ifdef CONFIG_APP_PERMANENT_DOWNLOAD
    HOOK_PERMANENT,
#endif
    HOOK_COUNT
};

extern struct dfu_smp_hook app_hooks[];

/* What the servers of all links have in common. */
static const struct dfu_smp_server app_server = {
    .hooks = app_hooks,
    .hook_count = HOOK_COUNT,
#ifndef CONFIG_MCUMGR_SMP_SUPPORT_ORIGINAL_PROTOCOL
    .refuse_v1 = true,
#endif
};

#endif
