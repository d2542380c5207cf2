/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - where src/ asks which configuration it runs under.
 *
 * Here the answer is the one that was passed. A program with a single, constant configuration puts
 * a header of this name before it (ports/mcu/fixed/), whose answers are that constant: a compiler
 * that sees the whole program then leaves out what the configuration does not ask for. */
#ifndef DFU_BASE_FIXED_H
#define DFU_BASE_FIXED_H

#include "dfu/boot.h"
#include "dfu/recovery.h"

/* How structs keep hold of it. */
struct kept_boot {
    const struct dfu_boot_config *cfg;
};

static inline struct kept_boot keep_boot(const struct dfu_boot_config *cfg)
{
    return (struct kept_boot){ cfg };
}

static inline const struct dfu_boot_config *fixed_boot(struct kept_boot kept)
{
    return kept.cfg;
}

static inline enum dfu_boot_mode fixed_mode(enum dfu_boot_mode mode)
{
    return mode;
}

/* But for what differs from slot to slot, body_is_clear and unpacker, which a copy has. */
static inline const struct dfu_image_policy *fixed_policy(const struct dfu_image_policy *policy)
{
    return policy;
}

static inline struct dfu_image_policy copied_policy(const struct dfu_image_policy *policy)
{
    return *policy;
}

static inline const struct dfu_recovery_config *fixed_recovery(
    const struct dfu_recovery_config *cfg)
{
    return cfg;
}

#endif
