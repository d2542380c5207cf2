/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_basic.h - SMP group 63, Zephyr's basic group: erase the storage partition. */
#ifndef DFU_SMP_BASIC_H
#define DFU_SMP_BASIC_H

#include "dfu/flash.h"
#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_basic;

enum dfu_smp_basic_id { DFU_SMP_BASIC_ERASE_STORAGE = 0 };

/* The ctx of the binding. All areas are erased before the answer: settings are lost, and the
 * server is silent for as long as that takes. What must not be lost so easily (a history of
 * updates, revoked keys) lies in areas that are not named here. */
struct dfu_smp_basic {
    const struct dfu_area *const *areas;
    size_t area_count;         /* 0: err 2, as a device without the partition */
    void (*erased)(void *ctx); /* what is kept in RAM of them is void now; may be NULL */
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
