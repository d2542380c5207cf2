/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_update.h"

#include "dfu/err.h"
#include "dfu/update.h"

const char *dfu_smp_update_event_text(enum dfu_smp_update_event event)
{
    static const char *const texts[] = {
        [DFU_SMP_UPDATE_CONFIRMED] = "The running image is confirmed",
        [DFU_SMP_UPDATE_NOT_CONFIRMED] = "Cannot confirm a running image",
        [DFU_SMP_UPDATE_TIMED_OUT] = "MCUmgr DFU timed out",
    };

    return texts[event];
}

static void tell(const struct dfu_smp_update *update, enum dfu_smp_update_event event)
{
    if (update->event) {
        update->event(update->ctx, event);
    }
}

/* ---- Hooks ---- */

static void note_chunk(struct dfu_transfer *transfer, const struct dfu_smp_event *event)
{
    if (event->call->link->is_bluetooth) {
        (void)dfu_transfer_submit(transfer);
    }
}

static enum dfu_smp_hook_result before_update(void *ctx, struct dfu_smp_event *event)
{
    struct dfu_smp_update *update = ctx;

    if (!update->guard.lock) { /* not started: its configuration was refused */
        event->rc = DFU_SMP_EBADSTATE;
        return DFU_SMP_HOOK_RC;
    }
    if (event->id == DFU_SMP_EV_CMD_RECV) {
        struct dfu_smp_hook hook = dfu_smp_lock_hook(&update->guard);

        return hook.call(hook.ctx, event);
    }
    if (event->id == DFU_SMP_EV_DFU_CHUNK && event->previous == DFU_SMP_HOOK_OK) {
        note_chunk(&update->transfer, event);
    }
    return DFU_SMP_HOOK_OK;
}

struct dfu_smp_hook dfu_smp_update_hook(struct dfu_smp_update *update)
{
    return (struct dfu_smp_hook){ DFU_SMP_EVENT_ALL, before_update, update };
}

static enum dfu_smp_hook_result before_plain_chunk(void *ctx, struct dfu_smp_event *event)
{
    struct dfu_smp_plain *plain = ctx;

    note_chunk(&plain->transfer, event);
    return DFU_SMP_HOOK_OK;
}

struct dfu_smp_hook dfu_smp_plain_hook(struct dfu_smp_plain *plain)
{
    return (struct dfu_smp_hook){ DFU_SMP_EV_DFU_CHUNK, before_plain_chunk, plain };
}

/* ---- Start ---- */

static bool has_group(const struct dfu_smp_server *server, uint16_t id, const void *ctx)
{
    for (size_t i = 0; i < server->binding_count; i++) {
        if (server->bindings[i].group->id == id && (!ctx || server->bindings[i].ctx == ctx)) {
            return true;
        }
    }
    return false;
}

static bool has_hook(const struct dfu_smp_server *server, struct dfu_smp_hook hook, bool any_ctx)
{
    for (size_t i = 0; i < server->hook_count; i++) {
        if (server->hooks[i].call == hook.call && (any_ctx || server->hooks[i].ctx == hook.ctx)) {
            return true;
        }
    }
    return false;
}

/* NULL, or what is wrong with the slots for a bootloader that swaps or picks them. */
static const char *fault_of_map(const struct dfu_slot_map *map)
{
    const char *what = NULL;

    if (!map) {
        return "there are no slots of a bootloader to update";
    }
    if (dfu_slot_map_check(map, &what)) {
        return what;
    }
    for (uint8_t i = 0; i < map->image_count; i++) {
        if (dfu_slot_max_image(map, i) == 0) {
            return "the slots cannot work together under this bootloader";
        }
    }
    return NULL;
}

static const char *fault_of_paths(const struct dfu_smp_update *update)
{
    if (update->other_count > 0 && !update->lock) {
        return "there are several ways of updating and no lock between them";
    }
    for (size_t i = 0; i < update->other_count; i++) {
        if (update->others[i].lock != update->lock) {
            return "another way of updating does not claim the lock that SMP claims";
        }
    }
    return NULL;
}

static const char *fault_of(const struct dfu_smp_update *update)
{
    const struct dfu_smp_server *server = update->server;

    if (!server || !update->img || !has_group(server, DFU_SMP_GROUP_IMG, update->img) ||
        !has_group(server, DFU_SMP_GROUP_OS, NULL)) {
        return "the server lacks the image group or the OS group";
    }
    if (!has_hook(server, dfu_smp_update_hook((struct dfu_smp_update *)(uintptr_t)update), false)) {
        return "the module's hook is not among the server's";
    }
    if (has_hook(server, dfu_smp_plain_hook(NULL), true)) {
        return "the plain SMP module has this server; an application starts one of the two";
    }
    if (update->link_count == 0) {
        return "the server has no transport; name the links that requests come from";
    }
    if (fault_of_map(update->img->map)) {
        return fault_of_map(update->img->map);
    }
    return fault_of_paths(update);
}

static int refuse(const char **why, const char *fault)
{
    if (why) {
        *why = fault;
    }
    return fault ? DFU_ERR_INVAL : DFU_OK;
}

int dfu_smp_update_start(struct dfu_smp_update *update, const char **why)
{
    const char *fault = fault_of(update);

    if (!fault) {
        dfu_smp_lock_init(&update->guard, update->lock ? update->lock : &update->own_lock,
                          update->img);
    }
    return refuse(why, fault);
}

int dfu_smp_plain_start(struct dfu_smp_plain *plain, const char **why)
{
    if (!plain->server || !has_hook(plain->server, dfu_smp_plain_hook(plain), false)) {
        return refuse(why, "the module's hook is not among the server's");
    }
    if (has_hook(plain->server, dfu_smp_update_hook(NULL), true)) {
        return refuse(why, "the update module has this server; an application starts one of the "
                           "two");
    }
    return refuse(why, NULL);
}

/* ---- Ready ---- */

static bool confirms(const struct dfu_smp_update *update)
{
    enum dfu_boot_mode mode = update->img->map->mode;

    switch (update->confirm) {
    case DFU_SMP_UPDATE_CONFIRM_ALWAYS: return true;
    case DFU_SMP_UPDATE_CONFIRM_NEVER: return false;
    case DFU_SMP_UPDATE_CONFIRM_BY_MODE: break;
    }
    return mode != DFU_MODE_DIRECT_XIP && mode != DFU_MODE_DIRECT_XIP_REVERT;
}

void dfu_smp_update_ready(struct dfu_smp_update *update)
{
    const struct dfu_slot_map *map = update->img->map;
    const struct dfu_slot_pair *pair = &map->images[update->img->running_image];
    const struct dfu_area *slot = update->img->active_slot == 0 ? pair->primary : pair->secondary;

    if (!confirms(update) || dfu_boot_is_slot_confirmed(map, slot)) {
        return;
    }
    tell(update, dfu_boot_set_next(map, slot, true, true) ? DFU_SMP_UPDATE_NOT_CONFIRMED
                                                          : DFU_SMP_UPDATE_CONFIRMED);
}

/* ---- Time ---- */

void dfu_smp_update_poll(struct dfu_smp_update *update, uint64_t now_ms)
{
    bool was_owner = update->guard.is_owner;

    dfu_smp_lock_poll(&update->guard, now_ms);
    if (was_owner && !update->guard.is_owner) {
        tell(update, DFU_SMP_UPDATE_TIMED_OUT);
    }
    dfu_transfer_deliver(&update->transfer, now_ms);
}

uint64_t dfu_smp_update_due_ms(const struct dfu_smp_update *update)
{
    return update->transfer.is_submitted ? 0 : dfu_smp_lock_due_ms(&update->guard);
}
