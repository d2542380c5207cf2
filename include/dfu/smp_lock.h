/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_lock.h - SMP under the DFU lock: commands that change the upload slot or reset the device
 * claim it, and are refused with EACCESSDENIED while somebody else has it. Lists and echoes pass.
 *
 * The lock is let go after a time without such commands, counted from the last answer; there is
 * no other end of an update over SMP. If somebody else claims it then, the upload is forgotten. */
#ifndef DFU_SMP_LOCK_H
#define DFU_SMP_LOCK_H

#include "dfu/lock.h"
#include "dfu/smp.h"
#include "dfu/smp_img.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_LOCK_TIMEOUT_MS 5000u

/* Must stay where it is. */
struct dfu_smp_lock {
    struct dfu_lock *lock;
    struct dfu_smp_img *img; /* whose upload is forgotten; or NULL */
    struct dfu_lock_owner owner;

    /* its own */
    bool is_owner, was_heard;
    uint64_t heard_ms;
};

/* img is set up before. If it keeps uploads over a reset, the lock takes SMP for its last owner:
 * whoever claims it first after the reset voids what is kept. */
void dfu_smp_lock_init(struct dfu_smp_lock *smp_lock, struct dfu_lock *lock,
                       struct dfu_smp_img *img);

/* For the server's table of hooks. */
struct dfu_smp_hook dfu_smp_lock_hook(struct dfu_smp_lock *smp_lock);

/* Call after requests and when due; UINT64_MAX: never. */
void dfu_smp_lock_poll(struct dfu_smp_lock *smp_lock, uint64_t now_ms);
uint64_t dfu_smp_lock_due_ms(const struct dfu_smp_lock *smp_lock);

#ifdef __cplusplus
}
#endif
#endif
