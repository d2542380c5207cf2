/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_tcp.h - SMP on a serial line that TCP carries, as ser2net's raw mode does, the device's
 * side: console lines or raw packets in a stream of bytes.
 *
 * A serial line has one other end, so there is one client at a time; who comes while it is taken
 * is turned away by closing. Like a UART it doesn't wait: answers that find no room are lost. */
#ifndef DFU_POSIX_SERVER_TCP_H
#define DFU_POSIX_SERVER_TCP_H

#include "endpoint.h"
#include "event_loop.h"
#include "framing.h"

#define DFU_SERVER_TCP_PACKET_MAX 4096u

struct dfu_server_tcp;

struct dfu_server_tcp_socket {
    struct dfu_loop_file file;
    struct dfu_server_tcp *server;
};

struct dfu_server_tcp {
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    void *ctx;
    bool is_raw;

    /* the server's own */
    struct dfu_server_tcp_socket sockets[DFU_ENDPOINTS_MAX];
    unsigned count;
    struct dfu_loop_file client; /* fd -1: nobody */
    struct dfu_framing framing;
    uint32_t connection; /* which one this is, counted from 1 */
    size_t out_len;
    uint8_t out[16384];
    uint8_t in[DFU_SERVER_TCP_PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
};

/* Listen and join the loop. address: of this machine, "any", or NULL for the loopback one. port 0
 * finds a free one. Returns the port, or -errno (-EINVAL: address is none). */
int dfu_server_tcp_open(struct dfu_server_tcp *server, struct dfu_loop *loop, const char *address,
                        uint16_t port);

void dfu_server_tcp_send(struct dfu_server_tcp *server, const uint8_t *packet, size_t len);

/* A server that was never opened, zeroed, may be closed. */
void dfu_server_tcp_close(struct dfu_server_tcp *server);

#endif
