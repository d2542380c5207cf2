/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client_job.h - one face for all that a client does in steps, so that one loop drives it.
 *
 * The loop is the caller's and does the I/O:
 *   until is_over: send what next fills frames with until it returns 0; wait for a packet until
 *   deadline at the latest; hand each packet to answer.
 * A link that was lost and is open again is told with link_back. A job points to its machine,
 * which is the caller's and must outlive it; several jobs may run at once on links of their own. */
#ifndef DFU_CLIENT_JOB_H
#define DFU_CLIENT_JOB_H

#include "dfu/client_file.h"
#include "dfu/upgrade_set.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dfu_job {
    void *ctx;
    size_t (*next)(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap);
    void (*answer)(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len);
    uint64_t (*deadline)(void *ctx);
    bool (*is_over)(void *ctx);
    void (*link_back)(void *ctx, uint64_t now_ms); /* NULL: it does not mind */
    bool (*wants_reconnect)(void *ctx);            /* and forgets it; NULL: never */
};

/* The job of a machine that was started. */
struct dfu_job dfu_job_of_exchange(struct dfu_exchange *exchange);

/* Several exchanges at once, for a way that is long: all are on their way together. */
struct dfu_exchanges {
    struct dfu_exchange *each; /* started, each with a frame and a sequence number of its own */
    size_t count;
    /* One was answered (see its result); the answer's body is there during the call only. */
    void (*answered)(void *ctx, const struct dfu_exchange *exchange);
    void *ctx;
};
struct dfu_job dfu_job_of_exchanges(struct dfu_exchanges *exchanges);

/* The same of what asks many times. */
struct dfu_job dfu_job_of_upload(struct dfu_upload *upload);
struct dfu_job dfu_job_of_upgrade(struct dfu_upgrade *upgrade);
struct dfu_job dfu_job_of_upgrade_set(struct dfu_upgrade_set *set);
struct dfu_job dfu_job_of_file(struct dfu_file *file);

#ifdef __cplusplus
}
#endif
#endif
