/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_config.h - the configuration channel over TCP, the device's side: each connection is a
 * transport of its own. config_wire.h has the bytes. */
#ifndef DFU_POSIX_SERVER_CONFIG_H
#define DFU_POSIX_SERVER_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "config_wire.h"
#include "dfu/config_channel.h"
#include "endpoint.h"
#include "event_loop.h"

#define DFU_SERVER_CONFIG_CONNECTIONS 3u

struct dfu_server_config;

struct dfu_server_config_connection {
    struct dfu_loop_file file; /* fd -1: free */
    struct dfu_server_config *server;
    unsigned number;
    size_t len;
    uint8_t request[1 + DFU_CONFIG_REPORT_SIZE];
};

struct dfu_server_config {
    /* 0, or an error: the request is stalled. channel counts connections from 0. */
    int (*set_report)(void *ctx, unsigned channel, const uint8_t *report, size_t len);
    int (*get_report)(void *ctx, unsigned channel, uint8_t out[DFU_CONFIG_REPORT_SIZE]);
    void (*gone)(void *ctx, unsigned channel); /* that host has left */
    void *ctx;

    /* the server's own */
    struct dfu_loop_file listeners[DFU_ENDPOINTS_MAX];
    unsigned listener_count;
    struct dfu_server_config_connection connections[DFU_SERVER_CONFIG_CONNECTIONS];
};

/* Listen and join the loop. address: of this machine, "any", or NULL for the loopback one. port 0
 * finds a free one. Returns the port, or -errno (-EINVAL: address is none). */
int dfu_server_config_open(struct dfu_server_config *server, struct dfu_loop *loop,
                           const char *address, uint16_t port);

/* The device restarts: end every connection. */
void dfu_server_config_unplug(struct dfu_server_config *server);

/* A server that was never opened, zeroed, may be closed. */
void dfu_server_config_close(struct dfu_server_config *server);

#endif
