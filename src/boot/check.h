/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* check.h - the one check of an image before it may be brought in, or run. */
#ifndef DFU_BOOT_CHECK_H
#define DFU_BOOT_CHECK_H

#include "boot/strategy.h"

struct check_subject {
    struct kept_boot kept;
    const struct dfu_image_policy *policy;
    const struct dfu_reader *reader;
    uint32_t limit; /* the largest image; 0: none fits */
    uint8_t image;
    bool is_counted; /* it must have the image's security counter, where there is one */
};

/* The report's verdict is trust only if the image verifies and passes all other rules, too. */
void check_image(const struct check_subject *subject, struct dfu_image_report *report);

#endif
