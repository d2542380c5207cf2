/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - the recovery's configuration: the one that was passed; see image/fixed.h. */
#ifndef DFU_RECOVERY_FIXED_H
#define DFU_RECOVERY_FIXED_H

#include "dfu/recovery.h"

static inline const struct dfu_recovery_config *fixed_recovery(
    const struct dfu_recovery_config *cfg)
{
    return cfg;
}

#endif
