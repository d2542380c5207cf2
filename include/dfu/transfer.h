/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* transfer.h - the transfer event: an image is coming in over a radio, so that the rest of the
 * application can help (a connection without latency, no sleep, a light).
 *
 * Every chunk submits it, however fast they come: while one waits to be handled, no second one is
 * queued. The submitter is its last subscriber and so knows when it has been handled. Submit and
 * deliver each from one context; they may interrupt each other. */
#ifndef DFU_TRANSFER_H
#define DFU_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dfu_transfer_subscriber {
    void (*transfer)(void *ctx, uint64_t now_ms);
    void *ctx;
};

/* Fill in the first part, zero the rest. */
struct dfu_transfer {
    const struct dfu_transfer_subscriber *subscribers; /* told in this order */
    size_t subscriber_count;
    void (*post)(void *ctx); /* have dfu_transfer_deliver() called soon; may be NULL */
    void *ctx;

    volatile bool is_submitted;
    uint32_t submitted, handled; /* so far */
};

/* True: an event is queued; false: one was already, and serves for this chunk, too. */
bool dfu_transfer_submit(struct dfu_transfer *transfer);

/* From the main loop: hand the event that waits, if one does, to all subscribers. */
void dfu_transfer_deliver(struct dfu_transfer *transfer, uint64_t now_ms);

/* ---- A subscriber: low latency of a Bluetooth connection while a transfer lasts ---- */

#define DFU_LATENCY_CHECK_MS 5000u

/* Fill in the first part, zero the rest. Not before the link is secured, and lost with it. */
struct dfu_latency {
    void (*set)(void *ctx, bool is_low); /* ask the peer for latency 0, or for the usual one */
    void *ctx;

    bool is_secured, is_low, was_used;
    uint64_t check_ms;
};

/* For the table of subscribers; ctx is the struct dfu_latency. */
void dfu_latency_transfer(void *ctx, uint64_t now_ms);
void dfu_latency_secured(struct dfu_latency *latency);
void dfu_latency_disconnected(struct dfu_latency *latency);

/* Every 5 s: without an event since the last time the usual latency comes back. */
void dfu_latency_poll(struct dfu_latency *latency, uint64_t now_ms);
uint64_t dfu_latency_due_ms(const struct dfu_latency *latency);

#ifdef __cplusplus
}
#endif
#endif
