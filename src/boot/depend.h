/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* depend.h - whether several images can run together (bootloader spec 5.4). */
#ifndef DFU_BOOT_DEPEND_H
#define DFU_BOOT_DEPEND_H

#include "boot/strategy.h"

/* places[i] is where the image lies that is to run as image i; area NULL: none is. Returns the
 * first image whose dependencies the others do not meet, the number of images if there is none.
 * What cannot be read depends on nothing, and meets nothing. */
uint8_t depend_first_unmet(const struct dfu_boot_config *cfg, const struct swap_place *places);

#endif
