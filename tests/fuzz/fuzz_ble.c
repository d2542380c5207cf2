/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The Bluetooth service under any order of events. Requests that are handed on are whole and fit;
 * what leaves are whole answers in order, in values that fit the MTU; after all of it a new
 * connection works. Two bytes choose the buffers, then each byte is an event with its arguments. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/smp_ble.h"
#include "input.h"

struct world {
    struct dfu_smp_ble ble;
    struct dfu_ble_joiner client;
    uint8_t answer[2048];
    unsigned room, requests;
    uint16_t mtu;
    bool has_lost; /* a notification: what follows may not be whole */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t size_of(const uint8_t *packet)
{
    return DFU_SMP_HEADER_SIZE + (size_t)(packet[2] << 8 | packet[3]);
}

/* The device answers every request with itself, cut to what an answer may be. */
static void answer_request(void *ctx, const uint8_t *packet, size_t len)
{
    struct world *w = ctx;
    uint8_t *answer = malloc(len);
    size_t max = w->ble.answer_max ? w->ble.answer_max : w->ble.rx_cap;

    require(answer != NULL && len == size_of(packet) && len <= w->ble.rx_cap);
    w->requests++;
    len = len < max ? len : max;
    memcpy(answer, packet, len);
    answer[2] = (uint8_t)((len - 8) >> 8);
    answer[3] = (uint8_t)(len - 8);
    (void)dfu_smp_ble_send(&w->ble, answer, len);
    free(answer);
}

static int take_value(void *ctx, const uint8_t *value, size_t len)
{
    struct world *w = ctx;

    require(w->ble.is_subscribed && len > 0 && len <= dfu_ble_value_max(w->mtu));
    if (w->room == 0) {
        return DFU_ERR_BUSY;
    }
    if (--w->room == 77) {
        w->has_lost = true;
        return DFU_ERR_IO;
    }
    require(dfu_ble_join(&w->client, value, len) >= 0 || w->has_lost);
    return 0;
}

static void act(struct world *w, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2) {
        size_t arg = data[i + 1], left = len - i - 2;

        switch (data[i] & 7) {
        case 0:
            if (dfu_smp_ble_connected(&w->ble) == 0) {
                dfu_ble_join_reset(&w->client);
                w->mtu = DFU_BLE_MTU_MIN;
            }
            break;
        case 1: dfu_smp_ble_disconnected(&w->ble); break;
        case 2:
            w->mtu = (uint16_t)(arg * 3);
            dfu_smp_ble_mtu_changed(&w->ble, w->mtu);
            break;
        case 3:
            dfu_smp_ble_subscribed(&w->ble, (arg & 1) != 0);
            dfu_ble_join_reset(&w->client);
            w->has_lost = true; /* an answer may have been cut */
            break;
        case 4: dfu_smp_ble_secured(&w->ble); break;
        case 5:
            w->room = (unsigned)arg;
            dfu_smp_ble_sent(&w->ble);
            break;
        default:
            arg = arg < left ? arg : left;
            (void)dfu_smp_ble_on_write(&w->ble, data + i + 2, arg);
            i += arg;
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t request[] = { 8, 0, 0, 1, 0, 0, 7, 6, 0xa0 };
    struct world w = { .mtu = DFU_BLE_MTU_MIN };

    if (len < 2) {
        return 0;
    }
    w.ble = (struct dfu_smp_ble){ .packet = answer_request,
                                  .notify = take_value,
                                  .ctx = &w,
                                  .rx_cap = 16u + data[0],
                                  .tx_cap = 16u + data[1] * 2u,
                                  .answer_max = 16,
                                  .authenticated_only = (data[0] & 1) != 0 };
    w.client = (struct dfu_ble_joiner){ .buf = w.answer, .cap = sizeof w.answer };
    w.ble.rx = malloc(w.ble.rx_cap);
    w.ble.tx = malloc(w.ble.tx_cap);
    require(w.ble.rx && w.ble.tx);
    act(&w, data + 2, len - 2);

    dfu_smp_ble_disconnected(&w.ble);
    require(dfu_smp_ble_connected(&w.ble) == 0);
    w.mtu = DFU_BLE_MTU_MIN;
    w.has_lost = false;
    dfu_ble_join_reset(&w.client);
    dfu_smp_ble_subscribed(&w.ble, true);
    dfu_smp_ble_secured(&w.ble);
    w.requests = 0;
    w.room = 10;
    require(dfu_smp_ble_on_write(&w.ble, request, sizeof request) == 0 && w.requests == 1);
    require(w.client.len == sizeof request && memcmp(w.answer, request, sizeof request) == 0);
    free(w.ble.rx);
    free(w.ble.tx);
    return 0;
}
