/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* rollback.h - security counters (bootloader spec 5.5, 5.6). */
#ifndef DFU_BOOT_ROLLBACK_H
#define DFU_BOOT_ROLLBACK_H

#include "boot/check.h"

/* What a configuration points at to have counters at all. */
struct dfu_boot_rollback {
    /* Whether an image has a counter that is not lower than the kept one. One that is lower is told
     * unless that is_repeated. */
    enum dfu_image_fault (*check)(const struct check_subject *subject, bool is_repeated);
    /* Raise the kept counters to those of the images that run, and are confirmed. */
    void (*raise)(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out);
    /* Whether the primary's image has a counter, and the secondary's none or a lower one. */
    bool (*is_lower)(const struct boot_pair *pair);
};

/* The counter in an image's protected TLVs. 1 and *value, 0 if it has none, or an error. */
int rollback_counter_of(const struct dfu_reader *reader, uint32_t *value);

#endif
