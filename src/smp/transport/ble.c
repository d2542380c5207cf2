/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Between calls: a joiner holds no whole packet, and skips only while it has none; the answers in
 * tx are whole packets back to back, the first of them sent up to tx_at. */
#include "dfu/smp_ble.h"

#include <string.h>

#include "dfu/err.h"

#define VALUE_OVERHEAD 3u    /* opcode and handle, in each write and notification */
#define OP_NONE        0xe4u /* bits that no packet has set: reserved, and operations above 3 */

enum att_error {
    ATT_INSUFFICIENT_AUTHENTICATION = 0x05,
    ATT_UNLIKELY_ERROR = 0x0e,
    ATT_INSUFFICIENT_RESOURCES = 0x11,
    ATT_VALUE_NOT_ALLOWED = 0x13,
};

const uint8_t dfu_smp_ble_service_uuid[16] = { 0x84, 0xaa, 0x60, 0x74, 0x52, 0x8a, 0x8b, 0x86,
                                               0xd3, 0x4c, 0xb7, 0x1d, 0x1d, 0xdc, 0x53, 0x8d };
const uint8_t dfu_smp_ble_characteristic_uuid[16] = { 0x48, 0x7c, 0x99, 0x74, 0x11, 0x26,
                                                      0x9e, 0xae, 0x01, 0x4e, 0xce, 0xfb,
                                                      0x28, 0x78, 0x2e, 0xda };

size_t dfu_ble_value_max(uint16_t mtu)
{
    size_t max = (mtu < DFU_BLE_MTU_MIN ? DFU_BLE_MTU_MIN : mtu) - VALUE_OVERHEAD;

    return max < DFU_BLE_VALUE_MAX ? max : DFU_BLE_VALUE_MAX;
}

static size_t packet_size(const uint8_t *packet)
{
    struct dfu_smp_header header;

    dfu_smp_header_decode(packet, &header);
    return DFU_SMP_HEADER_SIZE + (size_t)header.length;
}

/* ---- Pieces to packets ---- */

void dfu_ble_join_reset(struct dfu_ble_joiner *joiner)
{
    joiner->have = joiner->skip = 0;
}

static int skip_piece(struct dfu_ble_joiner *joiner, size_t len)
{
    int err = len > joiner->skip ? DFU_ERR_RANGE : DFU_ERR_NOSPACE;

    joiner->skip -= len < joiner->skip ? len : joiner->skip;
    return err;
}

/* Where a piece was lost, the next one is from inside a packet: its length would say to skip. */
static bool is_beginning(const uint8_t *value, size_t len)
{
    return len >= DFU_SMP_HEADER_SIZE && (value[0] & OP_NONE) == 0;
}

int dfu_ble_join(struct dfu_ble_joiner *joiner, const uint8_t *value, size_t len)
{
    size_t need;

    if (joiner->skip > 0) {
        return skip_piece(joiner, len);
    }
    if (joiner->have == 0 && !is_beginning(value, len)) {
        return DFU_ERR_FORMAT;
    }
    need = packet_size(joiner->have > 0 ? joiner->buf : value);
    if (len > need - joiner->have) {
        joiner->have = 0;
        return DFU_ERR_RANGE;
    }
    if (need > joiner->cap) {
        joiner->skip = need - len;
        return DFU_ERR_NOSPACE;
    }
    memcpy(joiner->buf + joiner->have, value, len);
    joiner->have += len;
    if (joiner->have < need) {
        return 0;
    }
    joiner->len = need;
    joiner->have = 0;
    return 1;
}

/* ---- The connection ---- */

static void forget(struct dfu_smp_ble *ble)
{
    ble->joiner = (struct dfu_ble_joiner){ .buf = ble->rx, .cap = ble->rx_cap };
    ble->tx_len = ble->tx_at = 0;
}

int dfu_smp_ble_connected(struct dfu_smp_ble *ble)
{
    if (ble->is_connected) {
        return DFU_ERR_BUSY;
    }
    forget(ble);
    ble->is_connected = true;
    ble->mtu = DFU_BLE_MTU_MIN;
    if (ble->latency && !ble->authenticated_only) {
        dfu_latency_secured(ble->latency);
    }
    return 0;
}

void dfu_smp_ble_disconnected(struct dfu_smp_ble *ble)
{
    forget(ble);
    ble->is_connected = ble->is_subscribed = ble->is_secured = false;
    if (ble->latency) {
        dfu_latency_disconnected(ble->latency);
    }
}

void dfu_smp_ble_mtu_changed(struct dfu_smp_ble *ble, uint16_t mtu)
{
    ble->mtu = mtu;
}

void dfu_smp_ble_secured(struct dfu_smp_ble *ble)
{
    ble->is_secured = ble->is_connected;
    if (ble->latency && ble->is_connected) {
        dfu_latency_secured(ble->latency);
    }
}

void dfu_smp_ble_subscribed(struct dfu_smp_ble *ble, bool is_on)
{
    ble->is_subscribed = is_on && ble->is_connected;
    if (!is_on) {
        forget(ble);
    }
}

/* ---- Requests ---- */

bool dfu_smp_ble_is_ready(const struct dfu_smp_ble *ble)
{
    size_t answer = ble->answer_max ? ble->answer_max : ble->rx_cap;

    return ble->tx_len == 0 || answer <= ble->tx_cap - ble->tx_len;
}

int dfu_smp_ble_on_write(struct dfu_smp_ble *ble, const uint8_t *value, size_t len)
{
    int result;

    if (!ble->is_connected || !ble->packet || !ble->notify) {
        return DFU_ERR_STATE;
    }
    if (ble->authenticated_only && !ble->is_secured) {
        return DFU_ERR_PERM;
    }
    result = dfu_ble_join(&ble->joiner, value, len);
    if (result > 0 && !dfu_smp_ble_is_ready(ble)) {
        result = DFU_ERR_NOSPACE;
    }
    if (result <= 0) {
        ble->dropped += result < 0 ? 1u : 0u;
        return result;
    }
    ble->packet(ble->ctx, ble->rx, ble->joiner.len);
    return 0;
}

uint8_t dfu_smp_ble_att_error(int err)
{
    switch (err) {
    case DFU_OK: return 0;
    case DFU_ERR_PERM: return ATT_INSUFFICIENT_AUTHENTICATION;
    case DFU_ERR_NOSPACE: return ATT_INSUFFICIENT_RESOURCES;
    case DFU_ERR_RANGE:
    case DFU_ERR_FORMAT: return ATT_VALUE_NOT_ALLOWED;
    default: return ATT_UNLIKELY_ERROR;
    }
}

/* ---- Answers ---- */

/* The first answer is over, sent or lost. */
static void drop_first(struct dfu_smp_ble *ble)
{
    size_t len = packet_size(ble->tx);

    ble->tx_len -= len;
    ble->tx_at = 0;
    memmove(ble->tx, ble->tx + len, ble->tx_len);
}

static bool send_piece(struct dfu_smp_ble *ble)
{
    size_t max = dfu_ble_value_max(ble->mtu);
    size_t left = packet_size(ble->tx) - ble->tx_at;
    size_t len = left < max ? left : max;
    int err = ble->notify(ble->ctx, ble->tx + ble->tx_at, len);

    if (err == DFU_ERR_BUSY || ble->tx_len == 0) { /* or the connection has just gone */
        return false;
    }
    ble->tx_at += len;
    if (err) {
        ble->dropped++;
    }
    if (err || len == left) {
        drop_first(ble);
    }
    return true;
}

void dfu_smp_ble_sent(struct dfu_smp_ble *ble)
{
    if (ble->is_sending) { /* from inside notify: the loop below goes on by itself */
        return;
    }
    ble->is_sending = true;
    while (ble->tx_len > 0 && send_piece(ble)) {
    }
    ble->is_sending = false;
}

int dfu_smp_ble_send(void *ctx, const uint8_t *packet, size_t len)
{
    struct dfu_smp_ble *ble = ctx;

    if (!ble->is_subscribed) {
        ble->dropped++;
        return DFU_ERR_STATE;
    }
    if (len < DFU_SMP_HEADER_SIZE || packet_size(packet) != len) {
        return DFU_ERR_INVAL;
    }
    if (len > ble->tx_cap - ble->tx_len) {
        ble->dropped++;
        return DFU_ERR_NOSPACE;
    }
    memcpy(ble->tx + ble->tx_len, packet, len);
    ble->tx_len += len;
    dfu_smp_ble_sent(ble);
    return 0;
}
