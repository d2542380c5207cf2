/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - the recovery's one configuration, instead of src/recovery/fixed.h. */
#ifndef DFU_MCU_RECOVERY_FIXED_H
#define DFU_MCU_RECOVERY_FIXED_H

#include "boot_config.h"

static inline const struct dfu_recovery_config *fixed_recovery(
    const struct dfu_recovery_config *cfg)
{
    (void)cfg;
    return &recovery_config;
}

#endif
