/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - what a server offers: what was passed; see image/fixed.h. A program whose servers all
 * have the same options puts a header of its own before this one. */
#ifndef DFU_SMP_FIXED_H
#define DFU_SMP_FIXED_H

#include "dfu/smp.h"
#include "dfu/smp_img.h"
#include "dfu/smp_os.h"

/* Hooks and options; not what differs from link to link, bindings, response and buffers. */
static inline const struct dfu_smp_server *fixed_server(const struct dfu_smp_server *server)
{
    return server;
}

/* But for the upload. */
static inline const struct dfu_smp_img *fixed_img(const struct dfu_smp_img *img)
{
    return img;
}

static inline const struct dfu_smp_os *fixed_os(const struct dfu_smp_os *os)
{
    return os;
}

/* Whether any message has numbers of more than 32 bits, or is asked for one with a sign. Where none is,
 * the first are written cut, and the others are DFU_ERR_FORMAT. */
static inline bool fixed_wide_numbers(void)
{
    return true;
}

static inline bool fixed_definite_lengths(const struct dfu_cbor_encoder *enc)
{
    return enc->definite_lengths;
}

#endif
