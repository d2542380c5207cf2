/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_history.h - the bootloader's history of updates (history.h) as a group of its own, beyond
 * the standard's numbers: 64. Command 0, read: docs/HISTORY.md. */
#ifndef DFU_SMP_HISTORY_H
#define DFU_SMP_HISTORY_H

#include "dfu/history.h"
#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_GROUP_HISTORY DFU_SMP_GROUP_USER

enum dfu_smp_history_id { DFU_SMP_HISTORY_READ = 0 };

/* Its binding's ctx is a const struct dfu_area: the bootloader's. */
extern const struct dfu_smp_group dfu_smp_group_history;

#ifdef __cplusplus
}
#endif
#endif
