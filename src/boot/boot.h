/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot.h - what a start does in the modes that move images between slots. */
#ifndef DFU_BOOT_BOOT_H
#define DFU_BOOT_BOOT_H

#include "boot/strategy.h"

/* struct dfu_boot_strategy's start and look for swap and overwrite modes. */
int boot_upgrade(struct kept_boot kept, struct dfu_boot_result *out);
int boot_upgrade_look(const struct dfu_boot_config *cfg, uint8_t image,
                      struct dfu_boot_outlook *out);

#endif
