/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* revoke.h - where a start looks at revoked keys, and revokes some. */
#ifndef DFU_BOOT_REVOKE_H
#define DFU_BOOT_REVOKE_H

#include "boot/check.h"
#include "dfu/revoke.h"

struct dfu_boot_revocation_rules {
    /* Whether the limits of revoke.h hold. */
    bool (*makes_sense)(const struct dfu_boot_config *cfg);
    /* dfu_image_verify() with the keys that are left. */
    void (*verify)(const struct check_subject *subject, struct dfu_image_report *report);
    /* Whether the key that such a verification names is not revoked: asked on its own, so that trust
     * in a revoked key takes two mistakes. */
    enum dfu_image_fault (*check)(const struct check_subject *subject, int key_index);
    /* Do what the images that run ask for. */
    void (*apply)(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out);
};

#endif
