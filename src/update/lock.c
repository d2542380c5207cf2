/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One owner at a time. Always holds: owner_changed runs with the lock already the new owner's,
 * and can neither claim nor release. */
#include "dfu/lock.h"

#include <assert.h>
#include <stddef.h>

#include "dfu/err.h"

static void enter(const struct dfu_lock *lock)
{
    if (lock->enter) {
        lock->enter(lock->ctx);
    }
}

static void leave(const struct dfu_lock *lock)
{
    if (lock->leave) {
        lock->leave(lock->ctx);
    }
}

static void take(struct dfu_lock *lock, const struct dfu_lock_owner *owner)
{
    const struct dfu_lock_owner *previous = lock->previous;

    lock->current = owner;
    if (previous && previous != owner && previous->owner_changed) {
        lock->is_telling = true;
        previous->owner_changed(previous->ctx, owner);
        lock->is_telling = false;
    }
}

int dfu_lock_claim(struct dfu_lock *lock, const struct dfu_lock_owner *owner)
{
    int err = DFU_OK;

    assert(owner);
    if (lock->is_telling) {
        return DFU_ERR_BUSY;
    }
    enter(lock);
    if (!lock->current) {
        take(lock, owner);
    } else if (lock->current != owner) {
        err = DFU_ERR_PERM;
    }
    leave(lock);
    return err;
}

int dfu_lock_release(struct dfu_lock *lock, const struct dfu_lock_owner *owner)
{
    int err = DFU_ERR_PERM;

    if (lock->is_telling) {
        return DFU_ERR_BUSY;
    }
    enter(lock);
    if (owner && lock->current == owner) {
        lock->previous = owner;
        lock->current = NULL;
        err = DFU_OK;
    }
    leave(lock);
    return err;
}

const struct dfu_lock_owner *dfu_lock_owner_get(const struct dfu_lock *lock)
{
    return lock->current;
}
