/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* share.h - fill the shared data area (bootloader spec 5.7). */
#ifndef DFU_BOOT_SHARE_H
#define DFU_BOOT_SHARE_H

#include "dfu/boot.h"

/* What a configuration points at to share anything. */
struct dfu_boot_sharer {
    void (*share)(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out);
};

#endif
