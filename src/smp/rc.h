/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* rc.h - "rc" 0 in answers that carry it in the field's servers even where all went well. Only in
 * version 1: strict clients of version 2 refuse it. */
#ifndef DFU_SMP_RC_H
#define DFU_SMP_RC_H

#include "smp/fixed.h"

static inline void put_rc_of_v1(struct dfu_smp_call *call)
{
    if (call->header.version == DFU_SMP_V1 && !fixed_server(call->server)->legacy_rc) {
        dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    }
}

#endif
