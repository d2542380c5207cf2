/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - the bootloader's one policy, instead of src/image/fixed.h. */
#ifndef DFU_MCU_IMAGE_FIXED_H
#define DFU_MCU_IMAGE_FIXED_H

#include "boot_config.h"

/* Revoked keys are taken out of a copy. */
__attribute__((always_inline)) static inline const struct dfu_image_policy *fixed_policy(
    const struct dfu_image_policy *policy)
{
    return boot_config.revocation ? policy : &boot_config.policy;
}

static inline struct dfu_image_policy copied_policy(const struct dfu_image_policy *policy)
{
    return boot_config.revocation
               ? *policy
               : (struct dfu_image_policy){ .body_is_clear = policy->body_is_clear,
                                            .unpacker = policy->unpacker };
}

#endif
