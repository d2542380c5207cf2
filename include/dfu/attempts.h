/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* attempts.h - more than one start for an image on trial, before the bootloader goes back.
 *
 * MCUboot reverts at the first start after the one that brought the image in. A device that resets
 * for other reasons (a brown-out, a watchdog that waits for a network) then loses a good update.
 * How many starts there were is kept in a small record (record.h): a power cut leaves the old or
 * the new number, so an image never gets more starts than max, and fewer only by cuts. */
#ifndef DFU_ATTEMPTS_H
#define DFU_ATTEMPTS_H

#include <stdint.h>

#include "dfu/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dfu_boot_attempts_rules;
extern const struct dfu_boot_attempts_rules dfu_boot_attempts_rules;

/* Modes that swap. Several images on trial are started together and counted once. */
struct dfu_boot_attempts {
    const struct dfu_boot_attempts_rules *rules; /* &dfu_boot_attempts_rules */
    const struct dfu_area *area;                 /* of its own; two sectors or more */
    uint8_t max;                                 /* starts in all; 0 and 1: one, as MCUboot */
};

#ifdef __cplusplus
}
#endif
#endif
