/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* locate.h - where in the secondary its image begins. Everywhere but in swap using offset that is
 * the slot's start; there an update lies one sector up, and the image to go back to at the start.
 *
 * MCUboot asks the trailers anew whenever it looks, and prints what they say. */
#ifndef DFU_BOOT_LOCATE_H
#define DFU_BOOT_LOCATE_H

#include "boot/strategy.h"

/* Fill pair->update_off: where the image should be that the trailers ask for, or that a swap needs
 * which is decided; if there is none, the other place. recorded: what MCUboot would know of it. */
int locate_update(struct boot_pair *pair, enum dfu_swap_type recorded, enum dfu_swap_type decided);

/* Print what the trailers ask for now; in other modes nothing. */
void locate_announce(const struct boot_pair *pair);

#endif
