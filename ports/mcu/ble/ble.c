/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "ble.h"

#include "dfu/smp_update.h"
#include "port.h"

static uint8_t rx[BLE_PACKET_MAX], tx[CONFIG_MCUMGR_TRANSPORT_NETBUF_COUNT * BLE_PACKET_MAX];
static struct dfu_smp_server *served;
static struct dfu_smp_ble ble;

static const struct dfu_smp_link link = { .send = dfu_smp_ble_send,
                                          .ctx = &ble,
                                          .is_bluetooth = true };

static void take_request(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    dfu_smp_receive(served, packet, len, &link);
}

static struct dfu_latency latency = { .set = ble_host_set_latency };
static const struct dfu_transfer_subscriber subscribers[] = { { dfu_latency_transfer, &latency } };

/* Chunks of an image over a Bluetooth link submit the transfer event. */
static struct dfu_smp_plain module = { .transfer = { .subscribers = subscribers,
                                                     .subscriber_count = 1 } };

struct dfu_smp_hook ble_hook(void)
{
    return dfu_smp_plain_hook(&module);
}

void ble_start(struct dfu_smp_server *server)
{
    served = server;
    ble = (struct dfu_smp_ble){
        .packet = take_request,
        .notify = ble_host_notify,
        .rx = rx,
        .rx_cap = sizeof rx,
        .tx = tx,
        .tx_cap = sizeof tx,
#ifdef CONFIG_MCUMGR_TRANSPORT_BT_AUTHEN
        .authenticated_only = true,
#endif
#ifdef CONFIG_MCUMGR_TRANSPORT_BT_CONN_PARAM_CONTROL
        .latency = &latency,
#endif
    };
    ble_host_start(&ble);
}

void ble_poll(void)
{
    ble_host_poll();
    dfu_transfer_deliver(&module.transfer, port_now_ms());
    dfu_latency_poll(&latency, port_now_ms());
}
