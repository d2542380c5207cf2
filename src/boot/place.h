/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* place.h - an image that stays where it is, whatever comes: nothing is erased. */
#ifndef DFU_BOOT_PLACE_H
#define DFU_BOOT_PLACE_H

#include "boot/strategy.h"

/* Whether the image in a slot of a pair, named by its area, may run, as validate_primary asks; the verdict is told on
 * the console, and what is wrong in *fault; the verdict itself goes on to place_report.
 * DFU_ERR_VERIFY, DFU_ERR_POWER. */
int place_check(const struct boot_pair *pair, const struct dfu_area *area,
                enum dfu_image_fault *fault, struct dfu_verdict *verdict);

/* Only that there is a header. */
int place_check_magic(const struct boot_pair *pair, const struct dfu_area *area,
                      struct dfu_verdict *verdict);

/* Enter it into the result; DFU_ERR_VERIFY if its header cannot be read any more. */
int place_report(const struct boot_pair *pair, const struct dfu_area *area,
                 const struct dfu_verdict *verdict, struct dfu_boot_result *out);

/* struct dfu_boot_strategy's look. */
int place_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out);

#endif
