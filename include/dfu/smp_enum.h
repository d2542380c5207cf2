/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_enum.h - SMP group 10: which groups a server offers, in the order of its bindings. The
 * binding needs no ctx. */
#ifndef DFU_SMP_ENUM_H
#define DFU_SMP_ENUM_H

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_enum;

enum dfu_smp_enum_id {
    DFU_SMP_ENUM_COUNT = 0,
    DFU_SMP_ENUM_LIST = 1,
    DFU_SMP_ENUM_SINGLE = 2,
    DFU_SMP_ENUM_DETAILS = 3,
};

#define DFU_SMP_ENUM_ASKED_MAX 16u /* groups that one details request may name */

/* DFU_SMP_EV_ENUM_DETAILS: a hook may put more keys into the entry; what
 * it returns has no meaning. */
struct dfu_smp_details_event {
    const struct dfu_smp_group *group;
    struct dfu_cbor_encoder *enc;
};

#ifdef __cplusplus
}
#endif
#endif
