/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* lock.h - who may write the upload slot and reset the device: one owner at a time.
 *
 * The lock is advisory and lives in RAM: after a reset it is free. It has no queue, priority or
 * time limit; each owner brings its own. Calls may nest in interrupts or threads only if enter
 * and leave make them exclusive. */
#ifndef DFU_LOCK_H
#define DFU_LOCK_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One per way of updating, constant. Its address is its identity, the name is for logs. */
struct dfu_lock_owner {
    const char *name; /* "MCUmgr", "USB DFU" */
    /* Somebody else has claimed the lock after this owner released it: flash content and progress
     * are void; erase before writing again, once the lock is back. Called inside the other's
     * claim: note it and return. May be NULL. */
    void (*owner_changed)(void *ctx, const struct dfu_lock_owner *new_owner);
    void *ctx;
};

/* Zeroed, it is free. */
struct dfu_lock {
    void (*enter)(void *ctx), (*leave)(void *ctx); /* mutual exclusion; both or none */
    void *ctx;
    const struct dfu_lock_owner *current, *previous;
    bool is_telling;
};

/* 0 if owner has it now, or had it already (claims do not count); DFU_ERR_PERM if another has it;
 * DFU_ERR_BUSY from inside owner_changed. */
int dfu_lock_claim(struct dfu_lock *lock, const struct dfu_lock_owner *owner);

/* DFU_ERR_PERM if owner does not have it; DFU_ERR_BUSY from inside owner_changed. */
int dfu_lock_release(struct dfu_lock *lock, const struct dfu_lock_owner *owner);

/* Who has it, or NULL. */
const struct dfu_lock_owner *dfu_lock_owner_get(const struct dfu_lock *lock);

#ifdef __cplusplus
}
#endif
#endif
