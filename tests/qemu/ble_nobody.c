/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* In a Bluetooth host stack's place where there is none to be had: shows that what an application has
 * of SMP over Bluetooth builds and fits. Never run. */
#include "ble.h"
#include "dfu/err.h"

static struct dfu_smp_ble *served;
static volatile uint8_t radio[DFU_BLE_VALUE_MAX];

int ble_host_notify(void *ctx, const uint8_t *value, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        radio[i] = value[i];
    }
    return DFU_OK;
}

void ble_host_set_latency(void *ctx, bool is_low)
{
    (void)ctx;
    radio[0] = is_low;
}

void ble_host_poll(void)
{
    uint8_t value[DFU_BLE_VALUE_MAX];

    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = radio[i];
    }
    (void)dfu_smp_ble_connected(served);
    dfu_smp_ble_mtu_changed(served, radio[0]);
    dfu_smp_ble_secured(served);
    dfu_smp_ble_subscribed(served, true);
    radio[0] = dfu_smp_ble_att_error(dfu_smp_ble_on_write(served, value, sizeof value));
    dfu_smp_ble_sent(served);
    dfu_smp_ble_disconnected(served);
}

void ble_host_start(struct dfu_smp_ble *ble)
{
    served = ble;
}
