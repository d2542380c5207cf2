/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_ble.h - SMP over Bluetooth LE, for any host stack: one GATT service with one characteristic
 * (write without response, notify). Requests are written to it, answers come as notifications.
 *
 * A packet that is longer than one value (MTU - 3 bytes, 512 at most: Core 5.4, Vol 3, Part F,
 * 3.4.5.3, 3.4.7.1 and 3.2.9) travels in pieces, in order; the length in its SMP header says where
 * it ends. A piece belongs to one packet. A first piece holds at least the header, as Zephyr has
 * it.
 *
 * The device's side is one struct for the one connection that is served; there is no I/O, no heap
 * and no clock. The host stack calls it for what happens on the connection, it calls notify. All
 * calls come from one context; packet and notify are called from inside them. docs/BLE.md shows
 * three host stacks.
 *
 * Stable for good: what goes over the air (SMP's own). Until version 1.0 the names here may change
 * with any minor version, and the library's soname with them. */
#ifndef DFU_SMP_BLE_H
#define DFU_SMP_BLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"
#include "dfu/transfer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_BLE_SERVICE        "8d53dc1d-1db7-4cd3-868b-8a527460aa84"
#define DFU_SMP_BLE_CHARACTERISTIC "da2e7828-fbce-4e01-ae9e-261174997c48"

/* The same, last byte first: so advertisements, attributes and most host stacks hold them. */
extern const uint8_t dfu_smp_ble_service_uuid[16], dfu_smp_ble_characteristic_uuid[16];

#define DFU_BLE_MTU_MIN   23u  /* of every connection, until it is exchanged */
#define DFU_BLE_MTU_MAX   517u /* more serves nobody: */
#define DFU_BLE_VALUE_MAX 512u /* the longest attribute value */

/* What one write or notification holds with this MTU; an impossible one counts as 23. */
size_t dfu_ble_value_max(uint16_t mtu);

/* ---- Pieces to packets, for either side ---- */

/* Give it buf and cap (the largest packet), zero the rest. */
struct dfu_ble_joiner {
    uint8_t *buf;
    size_t cap;

    size_t len;        /* of the packet just completed */
    size_t have, skip; /* of one that comes in; still to come of one that doesn't fit */
};

/* The next value. 1: it completed a packet, buf holds len bytes until the next call. 0: there is
 * more to come. Otherwise it was dropped, and the packet it belonged to with it:
 * DFU_ERR_FORMAT (a first piece that begins with no whole SMP header), DFU_ERR_RANGE (longer than
 * its packet),
 * DFU_ERR_NOSPACE (of a packet longer than cap, whose other pieces will be dropped, too). */
int dfu_ble_join(struct dfu_ble_joiner *joiner, const uint8_t *value, size_t len);

/* Forget a packet that won't be completed: the connection or the subscription ended. */
void dfu_ble_join_reset(struct dfu_ble_joiner *joiner);

/* ---- The device's side ---- */

/* Fill in the first part, zero the rest. Without packet, notify and room for a header in rx
 * everything is refused. */
struct dfu_smp_ble {
    /* A whole request: give it to the server (dfu_smp_receive() with a link whose send is
     * dfu_smp_ble_send() and that says is_bluetooth), or keep it for later. */
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    /* Send one notification. 0: taken. DFU_ERR_BUSY: no room now; it comes again with
     * dfu_smp_ble_sent(). Anything else: lost, and the answer it is a piece of. */
    int (*notify)(void *ctx, const uint8_t *value, size_t len);
    void *ctx;
    uint8_t *rx; /* the largest request */
    size_t rx_cap;
    uint8_t *tx; /* answers that wait for room: for as many as may be in flight, one at least */
    size_t tx_cap, answer_max;   /* answer_max: the largest answer; 0: rx_cap */
    bool authenticated_only;     /* writes count only over a link that dfu_smp_ble_secured() */
    struct dfu_latency *latency; /* a subscriber of the transfer event; may be NULL */

    bool is_connected, is_subscribed, is_secured;
    uint16_t mtu;
    uint32_t dropped; /* values that counted for nothing, answers without room or listener */
    /* state */
    bool is_sending;
    struct dfu_ble_joiner joiner;
    size_t tx_len, tx_at; /* answers back to back; sent of the first one */
};

/* A central is there; it has to subscribe. DFU_ERR_BUSY: another one is being served: disconnect
 * this one. */
int dfu_smp_ble_connected(struct dfu_smp_ble *ble);
void dfu_smp_ble_disconnected(struct dfu_smp_ble *ble);

/* As exchanged; of the bearer that carries the values. */
void dfu_smp_ble_mtu_changed(struct dfu_smp_ble *ble, uint16_t mtu);

/* The link is encrypted with a key that proves who is there (pairing with a passkey or numeric
 * comparison): security mode 1, level 3 or 4. */
void dfu_smp_ble_secured(struct dfu_smp_ble *ble);

/* The characteristic's configuration was written. Answers to one who does not listen are lost. */
void dfu_smp_ble_subscribed(struct dfu_smp_ble *ble, bool is_on);

/* A value was written. 0, or why it counts for nothing: as dfu_ble_join(); DFU_ERR_STATE (nobody
 * is connected); DFU_ERR_PERM (the link is not secured); DFU_ERR_NOSPACE also where an answer would
 * find no room. For a write request dfu_smp_ble_att_error() says what to answer. */
int dfu_smp_ble_on_write(struct dfu_smp_ble *ble, const uint8_t *value, size_t len);

/* Whether a request's answer would find room now. Who can hold writes back does while it would
 * not; who cannot has requests dropped, which clients repeat. */
bool dfu_smp_ble_is_ready(const struct dfu_smp_ble *ble);

/* For struct dfu_smp_link; ctx is the struct dfu_smp_ble. 0; DFU_ERR_STATE: nobody listens;
 * DFU_ERR_NOSPACE: no room. */
int dfu_smp_ble_send(void *ctx, const uint8_t *packet, size_t len);

/* A notification has left, or there is room for one again. */
void dfu_smp_ble_sent(struct dfu_smp_ble *ble);

/* Attribute protocol error codes (Core 5.4, Vol 3, Part F, 3.4.1.1). */
uint8_t dfu_smp_ble_att_error(int err);

#ifdef __cplusplus
}
#endif
#endif
