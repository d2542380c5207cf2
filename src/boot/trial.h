/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* trial.h - "one start to be confirmed" in a slot's own trailer, for modes that run images where
 * they lie. copy_done says that the image had its start. Where that field was torn, and refuses,
 * swap_info says it: no other field of these modes is there. */
#ifndef DFU_BOOT_TRIAL_H
#define DFU_BOOT_TRIAL_H

#include "boot/strategy.h"

enum trial_state {
    TRIAL_CONFIRMED,
    TRIAL_NEW,         /* asked for, and not started yet */
    TRIAL_FAILED,      /* had its start, and was not confirmed */
    TRIAL_NEVER_ASKED, /* nobody asked for this image, or its trailer is damaged */
    TRIAL_UNREADABLE,
};

enum trial_state trial_state(const struct boot_pair *pair, const struct dfu_area *area);

/* Note that the image gets its start. */
int trial_begin(const struct boot_pair *pair, const struct dfu_area *area);

#endif
