/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <string.h>

#include "dfu/smp_lock.h"
#include "dfu/smp_pages.h"

static bool needs_lock(const struct dfu_smp_command_event *command)
{
    if (command->op != DFU_SMP_WRITE) {
        return false;
    }
    return command->group == DFU_SMP_GROUP_IMG || command->group == DFU_SMP_GROUP_PAGES ||
           (command->group == DFU_SMP_GROUP_OS && command->id == DFU_SMP_OS_RESET);
}

static enum dfu_smp_hook_result before_command(void *ctx, struct dfu_smp_event *event)
{
    struct dfu_smp_lock *smp_lock = ctx;

    if (!needs_lock(event->data)) {
        return DFU_SMP_HOOK_OK;
    }
    if (dfu_lock_claim(smp_lock->lock, &smp_lock->owner)) {
        event->rc = DFU_SMP_EACCESSDENIED;
        return DFU_SMP_HOOK_RC;
    }
    smp_lock->is_owner = true;
    smp_lock->was_heard = true;
    return DFU_SMP_HOOK_OK;
}

static void forget_upload(void *ctx, const struct dfu_lock_owner *new_owner)
{
    struct dfu_smp_lock *smp_lock = ctx;

    (void)new_owner;
    if (smp_lock->img) {
        dfu_smp_img_reset_upload(smp_lock->img);
    }
}

void dfu_smp_lock_init(struct dfu_smp_lock *smp_lock, struct dfu_lock *lock,
                       struct dfu_smp_img *img)
{
    memset(smp_lock, 0, sizeof *smp_lock);
    smp_lock->lock = lock;
    smp_lock->img = img;
    smp_lock->owner = (struct dfu_lock_owner){ "MCUmgr", forget_upload, smp_lock };
    if (img && img->store && !lock->previous) {
        lock->previous = &smp_lock->owner;
    }
}

struct dfu_smp_hook dfu_smp_lock_hook(struct dfu_smp_lock *smp_lock)
{
    return (struct dfu_smp_hook){ DFU_SMP_EV_CMD_RECV, before_command, smp_lock };
}

void dfu_smp_lock_poll(struct dfu_smp_lock *smp_lock, uint64_t now_ms)
{
    if (smp_lock->was_heard) {
        smp_lock->was_heard = false;
        smp_lock->heard_ms = now_ms;
    }
    if (smp_lock->is_owner && now_ms - smp_lock->heard_ms >= DFU_SMP_LOCK_TIMEOUT_MS) {
        smp_lock->is_owner = false;
        dfu_lock_release(smp_lock->lock, &smp_lock->owner);
    }
}

uint64_t dfu_smp_lock_due_ms(const struct dfu_smp_lock *smp_lock)
{
    if (smp_lock->was_heard) {
        return 0;
    }
    return smp_lock->is_owner ? smp_lock->heard_ms + DFU_SMP_LOCK_TIMEOUT_MS : UINT64_MAX;
}
