/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - the bootloader's one configuration, instead of src/boot/fixed.h. */
#ifndef DFU_MCU_BOOT_FIXED_H
#define DFU_MCU_BOOT_FIXED_H

#include "boot_config.h"

struct kept_boot {
    char nothing;
};

static inline struct kept_boot keep_boot(const struct dfu_boot_config *cfg)
{
    (void)cfg;
    return (struct kept_boot){ 0 };
}

static inline const struct dfu_boot_config *fixed_boot(struct kept_boot kept)
{
    (void)kept;
    return &boot_config;
}

static inline bool fixed_has_rules(struct kept_boot kept)
{
    (void)kept;
    return boot_config.revocation || boot_config.counter;
}

static inline enum dfu_boot_mode fixed_mode(enum dfu_boot_mode mode)
{
    (void)mode;
    return board_map.mode;
}

static inline bool fixed_sectors_fit(struct kept_boot kept)
{
    (void)kept;
    return BOARD_SECTORS_FIT;
}

/* main() asks for what may run, and for nothing else; a history would. */
static inline bool fixed_has_reports(struct kept_boot kept)
{
    (void)kept;
    return boot_config.history != NULL;
}

#endif
