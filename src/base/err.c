/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/err.h"

const char *dfu_err_name(int err)
{
    static const char *const names[] = {
        [-DFU_OK] = "ok",
        [-DFU_ERR_INVAL] = "invalid argument",
        [-DFU_ERR_RANGE] = "out of range",
        [-DFU_ERR_ALIGN] = "misaligned",
        [-DFU_ERR_IO] = "device error",
        [-DFU_ERR_NOSPACE] = "does not fit",
        [-DFU_ERR_FORMAT] = "malformed",
        [-DFU_ERR_VERIFY] = "verification failed",
        [-DFU_ERR_NOENT] = "not found",
        [-DFU_ERR_STATE] = "wrong state",
        [-DFU_ERR_NOTSUP] = "not supported",
        [-DFU_ERR_BUSY] = "busy",
        [-DFU_ERR_PERM] = "not permitted",
        [-DFU_ERR_TIMEOUT] = "timed out",
        [-DFU_ERR_POWER] = "power lost",
        [-DFU_ERR_DEPENDS] = "dependency not met",
        [-DFU_ERR_STOPPED] = "stopped",
    };
    if (err > 0 || err < DFU_ERR_STOPPED) {
        return "unknown error";
    }
    return names[-err];
}
