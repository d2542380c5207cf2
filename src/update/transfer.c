/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/transfer.h"

bool dfu_transfer_submit(struct dfu_transfer *transfer)
{
    if (transfer->is_submitted) {
        return false;
    }
    transfer->submitted++;
    transfer->is_submitted = true;
    if (transfer->post) {
        transfer->post(transfer->ctx);
    }
    return true;
}

void dfu_transfer_deliver(struct dfu_transfer *transfer, uint64_t now_ms)
{
    if (!transfer->is_submitted) {
        return;
    }
    for (size_t i = 0; i < transfer->subscriber_count; i++) {
        transfer->subscribers[i].transfer(transfer->subscribers[i].ctx, now_ms);
    }
    transfer->handled++;
    transfer->is_submitted = false; /* the last of all: only now another one may come */
}

/* ---- Latency ---- */

void dfu_latency_transfer(void *ctx, uint64_t now_ms)
{
    struct dfu_latency *latency = ctx;

    if (!latency->is_secured) {
        return;
    }
    latency->was_used = true;
    if (!latency->is_low) {
        latency->is_low = true;
        latency->check_ms = now_ms + DFU_LATENCY_CHECK_MS;
        latency->set(latency->ctx, true);
    }
}

void dfu_latency_secured(struct dfu_latency *latency)
{
    latency->is_secured = true;
}

void dfu_latency_disconnected(struct dfu_latency *latency)
{
    latency->is_secured = latency->is_low = latency->was_used = false;
}

void dfu_latency_poll(struct dfu_latency *latency, uint64_t now_ms)
{
    if (now_ms < dfu_latency_due_ms(latency)) {
        return;
    }
    if (latency->was_used) {
        latency->was_used = false;
        latency->check_ms = now_ms + DFU_LATENCY_CHECK_MS;
    } else {
        latency->is_low = false;
        latency->set(latency->ctx, false);
    }
}

uint64_t dfu_latency_due_ms(const struct dfu_latency *latency)
{
    return latency->is_low ? latency->check_ms : UINT64_MAX;
}
