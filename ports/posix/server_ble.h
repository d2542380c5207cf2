/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_ble.h - SMP over Bluetooth LE, the device's side, as a peripheral of this machine's
 * adapter through BlueZ: an advertisement with the service, and a GATT application. One central at
 * a time. */
#ifndef DFU_POSIX_SERVER_BLE_H
#define DFU_POSIX_SERVER_BLE_H

#include "bluez.h"
#include "bluez_agent.h"
#include "dfu/smp_ble.h"
#include "event_loop.h"

#define DFU_SERVER_BLE_PACKET_MAX 4096u
#define DFU_SERVER_BLE_NAME_MAX   26u /* more does not fit an advertisement */

struct dfu_server_ble {
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    void (*line)(void *ctx, const char *text); /* what a user wants to know: a passkey */
    void *ctx;
    const char *name;
    const char *adapter; /* NULL: the first that is on */
    bool authenticated_only;
    struct dfu_latency *latency; /* as of struct dfu_smp_ble; may be NULL */

    /* the server's own */
    struct dfu_bluez bluez; /* bus: NULL when closed */
    struct dfu_bluez_agent agent;
    struct dfu_smp_ble ble;
    struct dfu_loop_file bus_file, write_file, notify_file;
    char peer[DFU_BLUEZ_PATH_LEN];
    uint8_t *buffers; /* of its service */
};

/* Advertise and join the loop. It must stay where it is, and so must the name. On failure why
 * holds a sentence; as dfu_link_open(). */
int dfu_server_ble_open(struct dfu_server_ble *server, struct dfu_loop *loop,
                        char why[DFU_LINK_WHY_LEN]);

void dfu_server_ble_send(struct dfu_server_ble *server, const uint8_t *packet, size_t len);

/* The device restarted: whoever was connected no longer is. */
void dfu_server_ble_restart(struct dfu_server_ble *server);

/* One that is closed, or zeroed, may be closed again. */
void dfu_server_ble_close(struct dfu_server_ble *server);

#endif
