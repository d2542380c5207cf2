/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Direct-XIP: the newest image runs where it lies. */
#include "boot/pick.h"

static const struct pick_rules plain = { .reverts = false };
static const struct pick_rules reverting = { .reverts = true };

const struct dfu_boot_strategy dfu_boot_direct_xip = {
    .mode = DFU_MODE_DIRECT_XIP,
    .start = boot_pick,
    .look = boot_pick_look,
    .pick = &plain,
};

const struct dfu_boot_strategy dfu_boot_direct_xip_revert = {
    .mode = DFU_MODE_DIRECT_XIP_REVERT,
    .start = boot_pick,
    .look = boot_pick_look,
    .pick = &reverting,
};
