/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* look.h - gather the facts of one image pair; check the image in a slot. Changes nothing. */
#ifndef DFU_BOOT_LOOK_H
#define DFU_BOOT_LOOK_H

#include "boot/decide.h"
#include "boot/strategy.h"

/* facts are always filled; an error says why nothing can be upgraded. swap is set up for a swap
 * that has begun, if one has; pair->update_off is filled. */
int look_at_pair(struct boot_pair *pair, struct boot_facts *facts, struct swap *swap);

/* The whole check of the secondary's image before it may be brought in as type. If that swap is
 * recorded, its first step may have been done in part. */
enum boot_check look_at_secondary(const struct boot_pair *pair, enum dfu_swap_type type,
                                  bool is_recorded, struct dfu_image_report *report);

/* The same check for the primary's image. */
enum boot_check look_at_primary(const struct boot_pair *pair, struct dfu_image_report *report);

#endif
