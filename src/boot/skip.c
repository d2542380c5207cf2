/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/skip.h"

const struct dfu_boot_skip dfu_boot_skip_equal = { .is_equal = slot_is_equal };
