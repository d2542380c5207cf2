/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_stat.h - SMP group 2: counters of the application, by name. */
#ifndef DFU_SMP_STAT_H
#define DFU_SMP_STAT_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_stat;

enum dfu_smp_stat_id { DFU_SMP_STAT_SHOW = 0, DFU_SMP_STAT_LIST = 1 };

#define DFU_SMP_STAT_NAME_MAX 32u

struct dfu_smp_stat_field {
    const char *name;           /* NULL: "s0", "s1", ... by its place */
    const volatile void *value; /* unsigned, in the machine's byte order */
    uint8_t size;               /* 1, 2, 4 or 8 bytes */
};

struct dfu_smp_stat_set {
    const char *name; /* 1 to DFU_SMP_STAT_NAME_MAX bytes */
    const struct dfu_smp_stat_field *fields;
    size_t field_count;
};

/* The ctx of the binding. */
struct dfu_smp_stat {
    const struct dfu_smp_stat_set *sets;
    size_t set_count;
};

#ifdef __cplusplus
}
#endif
#endif
