/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* permit.h - the last gate. What may run carries the verdict that says so, from the verification
 * to the end of the start; permit.c alone writes it into the result, and dfu_boot() alone lets it
 * out, after asking once more. A check that was skipped on the way leaves a place without a
 * permit, and that does not run. Who jumps asks dfu_boot_may_run() itself. */
#ifndef DFU_BOOT_PERMIT_H
#define DFU_BOOT_PERMIT_H

#include "boot/strategy.h"

/* Image image runs from this slot. The verdict is its own, or one that permit_unchecked made. The
 * place is there to be completed. */
struct dfu_boot_place *permit_run(struct dfu_boot_result *out, uint8_t image,
                                  const struct dfu_area *area, uint8_t slot,
                                  const struct dfu_verdict *verdict);

/* A verdict for what the configuration says shall run unchecked; worth nothing with any other. */
void permit_unchecked(struct dfu_verdict *verdict);

/* Whether a single slot has the mark of a check that it passed, where one check is enough. */
bool permit_is_marked(const struct dfu_boot_config *cfg, const struct dfu_area *area);

/* Nothing runs after all. */
void permit_withdraw(struct dfu_boot_result *out);

/* 0: what the result names may run: every image, or a loader alone. Else DFU_ERR_VERIFY, and it names
 * nothing. */
int permit_check(const struct dfu_boot_config *cfg, struct dfu_boot_result *out);

#endif
