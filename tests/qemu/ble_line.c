/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A Bluetooth host stack's place in the application of an emulated board: what a stack would tell it comes
 * over UART 2 from tests/qemu/test_ble.py, which plays the central. A letter, the number of bytes in
 * two, low first, and those. To the board: "C"onnected (the MTU, two bytes), "P"aired,
 * "S"ubscribed, "W"rite, "D"isconnected. From it: "N"otification, "L"atency (1: low). */
#include "../../ports/mps2/line.h"
#include "ble.h"
#include "dfu/err.h"

#define BLE 2u

static struct dfu_smp_ble *served;
static bool is_under_way; /* one notification at a time */

static void say(uint8_t what, const uint8_t *bytes, size_t len)
{
    const uint8_t head[] = { what, (uint8_t)len, (uint8_t)(len >> 8) };

    line_write(BLE, head, sizeof head);
    line_write(BLE, bytes, len);
}

int ble_host_notify(void *ctx, const uint8_t *value, size_t len)
{
    (void)ctx;
    if (is_under_way) {
        return DFU_ERR_BUSY;
    }
    is_under_way = true;
    say('N', value, len);
    return DFU_OK;
}

void ble_host_set_latency(void *ctx, bool is_low)
{
    const uint8_t how = is_low;

    (void)ctx;
    say('L', &how, 1);
}

static void take(int what)
{
    static uint8_t bytes[DFU_BLE_VALUE_MAX];
    size_t len;

    line_read(BLE, bytes, 2);
    len = (size_t)(bytes[0] | bytes[1] << 8);
    len = len < sizeof bytes ? len : sizeof bytes;
    line_read(BLE, bytes, len);
    switch (what) {
    case 'C':
        (void)dfu_smp_ble_connected(served);
        dfu_smp_ble_mtu_changed(served, (uint16_t)(bytes[0] | bytes[1] << 8));
        break;
    case 'P': dfu_smp_ble_secured(served); break;
    case 'S': dfu_smp_ble_subscribed(served, true); break;
    case 'W': (void)dfu_smp_ble_on_write(served, bytes, len); break;
    default: dfu_smp_ble_disconnected(served); break;
    }
}

void ble_host_poll(void)
{
    int what = line_get(BLE);

    if (is_under_way) {
        is_under_way = false;
        dfu_smp_ble_sent(served);
    }
    if (what >= 0) {
        take(what);
    }
}

void ble_host_start(struct dfu_smp_ble *ble)
{
    served = ble;
    line_start(BLE);
}
