/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* err.h - how errors travel.
 *
 * Every function that can fail returns 0 (or a non-negative count) on success and one of these
 * on failure. The numbers never leave the process: the SMP code, the USB status and the exit
 * code are each translated in one place at their edge. */
#ifndef DFU_ERR_H
#define DFU_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

enum dfu_err {
    DFU_OK = 0,
    DFU_ERR_INVAL = -1,    /* an argument makes no sense */
    DFU_ERR_RANGE = -2,    /* outside the area, the buffer or the number's range */
    DFU_ERR_ALIGN = -3,    /* not a multiple of the write size or a sector border */
    DFU_ERR_IO = -4,       /* the driver below failed */
    DFU_ERR_NOSPACE = -5,  /* does not fit */
    DFU_ERR_FORMAT = -6,   /* bytes that are not what they should be */
    DFU_ERR_VERIFY = -7,   /* hash or signature refused */
    DFU_ERR_NOENT = -8,    /* no such thing */
    DFU_ERR_STATE = -9,    /* not now: the order of calls or the stored state forbids it */
    DFU_ERR_NOTSUP = -10,  /* known, but not supported here */
    DFU_ERR_BUSY = -11,    /* try again later */
    DFU_ERR_PERM = -12,    /* refused: somebody else owns it, or it is protected */
    DFU_ERR_TIMEOUT = -13, /* no answer in time */
    DFU_ERR_POWER = -14,   /* simulated flash only: the power is gone, unwind at once */
    DFU_ERR_DEPENDS = -15, /* another image is missing, or too old */
    DFU_ERR_STOPPED = -16, /* whoever asked for it wants it no more */
};

/* A short lower-case phrase for an error, for logs; never NULL. */
const char *dfu_err_name(int err);

#ifdef __cplusplus
}
#endif
#endif
