/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - what the recovery's server offers, instead of src/smp/fixed.h: no hooks, no options. The
 * groups of an application's server are not linked. */
#ifndef DFU_MCU_SMP_FIXED_H
#define DFU_MCU_SMP_FIXED_H

#include "dfu/smp.h"

static inline const struct dfu_smp_server *fixed_server(const struct dfu_smp_server *server)
{
    static const struct dfu_smp_server plain = { .hook_count = 0 };

    (void)server;
    return &plain;
}

static inline bool fixed_wide_numbers(void)
{
    return false;
}

static inline bool fixed_definite_lengths(const struct dfu_cbor_encoder *enc)
{
    (void)enc;
    return false;
}

#endif
