/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_usbip.h - USB/IP over TCP, the device's side: any Linux machine can attach the device.
 *
 * Closing the connection is pulling the cable. */
#ifndef DFU_POSIX_SERVER_USBIP_H
#define DFU_POSIX_SERVER_USBIP_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/usbip.h"
#include "event_loop.h"

#define DFU_SERVER_USBIP_CONNECTIONS 3u
#define DFU_SERVER_USBIP_OUT_SIZE    (1u << 20)

struct dfu_server_usbip;

struct dfu_server_usbip_connection {
    struct dfu_loop_file file; /* fd -1: free */
    struct dfu_server_usbip *server;
    struct dfu_usbip_connection usbip;
    size_t out_len;
    uint8_t *out;
    bool is_choked;
};

struct dfu_server_usbip {
    struct dfu_usbip_export *shown; /* the owner's */

    /* the server's own */
    struct dfu_loop_file listener;
    struct dfu_server_usbip_connection connections[DFU_SERVER_USBIP_CONNECTIONS];
};

/* Listen on an address (NULL: this machine only; "any": all of it) and join the loop. port 0
 * finds a free one. Returns the port, or -errno; -EINVAL: no such address. */
int dfu_server_usbip_open(struct dfu_server_usbip *server, struct dfu_loop *loop,
                          const char *address, uint16_t port);

/* The device may have something to say: hand it to transfers that wait. */
void dfu_server_usbip_poll(struct dfu_server_usbip *server);

/* The device left the bus: end the connection of whoever has it. */
void dfu_server_usbip_unplug(struct dfu_server_usbip *server);

void dfu_server_usbip_close(struct dfu_server_usbip *server);

#endif
