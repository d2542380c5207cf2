/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The part of the examples that knows no host stack: SMP's service, and the server behind it. */
#ifndef EXAMPLE_SMP_SERVICE_H
#define EXAMPLE_SMP_SERVICE_H

#include <dfu/err.h>
#include <dfu/smp_ble.h>

#define EXAMPLE_BUF_SIZE  1024u
#define EXAMPLE_BUF_COUNT 4u

struct example_service {
    struct dfu_smp_ble ble;
    struct dfu_smp_link link; /* is_bluetooth: chunks submit the transfer event */
    struct dfu_latency latency;
    struct dfu_smp_server *server;
    uint16_t connection;
    void *connection_ref; /* where a stack has pointers */
    uint8_t rx[EXAMPLE_BUF_SIZE], tx[EXAMPLE_BUF_COUNT * EXAMPLE_BUF_SIZE];
};

static inline void example_take_request(void *ctx, const uint8_t *packet, size_t len)
{
    struct example_service *service = ctx;

    (void)dfu_smp_receive(service->server, packet, len, &service->link);
}

/* notify and set_latency are the host stack's. */
static inline void example_service_init(struct example_service *service,
                                        struct dfu_smp_server *server,
                                        int (*notify)(void *ctx, const uint8_t *value, size_t len),
                                        void (*set_latency)(void *ctx, bool is_low))
{
    *service = (struct example_service){ .server = server };
    service->latency = (struct dfu_latency){ .set = set_latency, .ctx = service };
    service->link = (struct dfu_smp_link){ .send = dfu_smp_ble_send,
                                           .ctx = &service->ble,
                                           .is_bluetooth = true };
    service->ble = (struct dfu_smp_ble){ .packet = example_take_request,
                                         .notify = notify,
                                         .ctx = service,
                                         .rx = service->rx,
                                         .rx_cap = sizeof service->rx,
                                         .tx = service->tx,
                                         .tx_cap = sizeof service->tx,
                                         .authenticated_only = true,
                                         .latency = &service->latency };
}

#endif
