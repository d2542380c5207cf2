/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* spare.h - a place for status records that their own unit refuses: a list in the status area of
 * the secondary's trailer, which no swap uses. MCUboot does not read it; without it such a record
 * would be lost, and with it, after a cut, an image. */
#ifndef DFU_BOOT_SPARE_H
#define DFU_BOOT_SPARE_H

#include "boot/strategy.h"

/* Note that this status record counts as written. */
int spare_write(const struct swap *swap, const struct swap_mark *mark);

/* One more than the highest index noted of this swap; 0 if there is none. */
int spare_count(const struct swap *swap, uint32_t *count);

/* Note that a trial has ended, where copy_done cannot say so; and whether that is noted: 1, 0 or a
 * negative error. It counts beside complete records, or beside a request for the old image, alone:
 * elsewhere it is left over. */
int spare_end_trial(const struct swap *swap);
int spare_is_trial_over(const struct boot_pair *pair);

/* A swap begins: what was noted of an earlier one counts no more. */
int spare_forget(const struct swap *swap);

/* Leave the secondary's trailer erased, as a finished swap does, if no image shares its sectors. */
int spare_clean(const struct swap *swap);

#endif
