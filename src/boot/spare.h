/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* spare.h - a place for status records that their own unit refuses: a short list at the start of
 * the secondary's trailer, which is erased when a swap begins and not used until it ends. MCUboot
 * does not read it; without it such a record would be lost. */
#ifndef DFU_BOOT_SPARE_H
#define DFU_BOOT_SPARE_H

#include "boot/strategy.h"

/* Note that the status record of this index counts as written. */
int spare_write(const struct swap *swap, uint32_t index);

/* 1 if it was noted, 0 if not, or a negative error. */
int spare_find(const struct swap *swap, uint32_t index);

/* Leave the secondary's trailer erased, as a finished swap does, if no image shares its sectors. */
int spare_clean(const struct swap *swap);

#endif
