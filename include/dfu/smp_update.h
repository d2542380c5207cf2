/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_update.h - the update module: updates over SMP by the rules of a device that has other ways
 * of updating, too, as nRF Desktop's MCUmgr DFU. And the plain module, which has no lock.
 *
 * An application binds the OS and image groups, puts dfu_smp_update_hook() into the server's table
 * of hooks, and calls start, then ready once it is up. From then on:
 * - the running image is confirmed, unless images run in place (direct-XIP): that the application
 *   came so far is the test;
 * - writes and resets claim the lock (smp_lock.h), are refused while another has it, and let it
 *   go after 5 s of silence; progress is forgotten when another claims it;
 * - chunks over a Bluetooth link submit transfer events (transfer.h).
 *
 * Stable for good: what goes over the wire (SMP's own). Until version 1.0 the names here may change
 * with any minor version, and the library's soname with them. */
#ifndef DFU_SMP_UPDATE_H
#define DFU_SMP_UPDATE_H

#include "dfu/smp_lock.h"
#include "dfu/transfer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the running image is confirmed when the application is ready. */
enum dfu_smp_update_confirm {
    DFU_SMP_UPDATE_CONFIRM_BY_MODE, /* unless the mode is direct-XIP */
    DFU_SMP_UPDATE_CONFIRM_ALWAYS,
    DFU_SMP_UPDATE_CONFIRM_NEVER, /* by a client, or by the application itself */
};

enum dfu_smp_update_event {
    DFU_SMP_UPDATE_CONFIRMED,
    DFU_SMP_UPDATE_NOT_CONFIRMED, /* it was to be, and failed; the application runs on */
    DFU_SMP_UPDATE_TIMED_OUT,     /* silence: the lock is free */
};
const char *dfu_smp_update_event_text(enum dfu_smp_update_event event);

/* Another way of updating that the application has. */
struct dfu_update_path {
    const char *name;
    const struct dfu_lock *lock; /* that it claims */
};

/* Fill in the first part, zero the rest. Must stay where it is. */
struct dfu_smp_update {
    struct dfu_smp_server *server; /* with its bindings and hooks */
    struct dfu_smp_img *img;       /* of the image group's binding */
    const struct dfu_smp_link *const *links;
    size_t link_count; /* the transports that requests come from */
    enum dfu_smp_update_confirm confirm;
    struct dfu_lock *lock; /* NULL: SMP is the only way of updating */
    const struct dfu_update_path *others;
    size_t other_count;
    struct dfu_transfer transfer; /* its subscribers; events come with a Bluetooth link */
    void (*event)(void *ctx, enum dfu_smp_update_event event); /* may be NULL */
    void *ctx;

    struct dfu_lock own_lock;
    struct dfu_smp_lock guard;
};

/* For the server's table of hooks, which start() looks at. */
struct dfu_smp_hook dfu_smp_update_hook(struct dfu_smp_update *update);

/* Check the configuration. DFU_ERR_INVAL: *why says what is wrong with it, and the hook refuses
 * every command. */
int dfu_smp_update_start(struct dfu_smp_update *update, const char **why);

/* The application is up. */
void dfu_smp_update_ready(struct dfu_smp_update *update);

/* Call after requests and when due: silence, and transfer events. */
void dfu_smp_update_poll(struct dfu_smp_update *update, uint64_t now_ms);
uint64_t dfu_smp_update_due_ms(const struct dfu_smp_update *update);

/* ---- The plain module: transfer events and nothing else ---- */

/* For a device that is updated over SMP alone. */
struct dfu_smp_plain {
    struct dfu_smp_server *server;
    struct dfu_transfer transfer;
};

/* For the server's table of hooks. */
struct dfu_smp_hook dfu_smp_plain_hook(struct dfu_smp_plain *plain);

/* As dfu_smp_update_start(). One server has one of the two modules. */
int dfu_smp_plain_start(struct dfu_smp_plain *plain, const char **why);

#ifdef __cplusplus
}
#endif
#endif
