/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - what the application's servers offer, instead of src/smp/fixed.h. */
#ifndef DFU_MCU_APP_SMP_FIXED_H
#define DFU_MCU_APP_SMP_FIXED_H

#include "app_config.h"

static inline const struct dfu_smp_server *fixed_server(const struct dfu_smp_server *server)
{
    (void)server;
    return &app_server;
}

static inline const struct dfu_smp_img *fixed_img(const struct dfu_smp_img *img)
{
    (void)img;
    return &app_img;
}

static inline const struct dfu_smp_os *fixed_os(const struct dfu_smp_os *os)
{
    (void)os;
    return &app_os;
}

/* Run times. */
static inline bool fixed_wide_numbers(void)
{
    return app_os.task != NULL;
}

static inline bool fixed_definite_lengths(const struct dfu_cbor_encoder *enc)
{
    (void)enc;
    return app_server.definite_lengths;
}

#endif
