/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* parts.h - what the files of the recovery share. */
#ifndef DFU_RECOVERY_PARTS_H
#define DFU_RECOVERY_PARTS_H

#include "dfu/recovery.h"
#include "recovery/fixed.h"

#define RECOVERY_SLOTS 2u /* of one image */

static inline const struct dfu_recovery_config *config_of(const struct dfu_recovery *recovery)
{
    return fixed_recovery(recovery->cfg);
}

extern const struct dfu_smp_group dfu_recovery_group_os;
extern const struct dfu_smp_group dfu_recovery_group_img;

/* slot: 0 or 1. NULL where there is no such slot. */
const struct dfu_area *recovery_area(const struct dfu_recovery *recovery, uint32_t image,
                                     uint32_t slot);

/* An area of its own sectors, the last one first: a slot's trailer asks for nothing any more before
 * its image is touched. */
int recovery_erase(const struct dfu_recovery *recovery, const struct dfu_area *area);

/* Whether an image runs from this slot without being moved or loaded anywhere. */
bool recovery_runs_as_it_lies(const struct dfu_recovery *recovery, const struct dfu_area *area);

/* Whether a whole image that the policy trusts is there. */
bool recovery_is_valid(const struct dfu_recovery *recovery, const struct dfu_area *area);

int recovery_upload(struct dfu_smp_call *call);

#endif
