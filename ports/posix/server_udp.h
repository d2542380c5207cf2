/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_udp.h - SMP over UDP, the device's side: one packet a datagram, the answer goes back to
 * where the request came from. Listens on IPv4 and, where the machine has it, on IPv6. */
#ifndef DFU_POSIX_SERVER_UDP_H
#define DFU_POSIX_SERVER_UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "endpoint.h"
#include "event_loop.h"

struct dfu_server_udp;

struct dfu_server_udp_socket {
    struct dfu_loop_file file;
    struct dfu_server_udp *server;
};

struct dfu_server_udp {
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    void *ctx;

    /* the server's own */
    struct dfu_server_udp_socket sockets[DFU_ENDPOINTS_MAX];
    unsigned count;
    const struct dfu_server_udp_socket *asker;
    struct sockaddr_storage asker_address;
    socklen_t asker_len;
    uint8_t buf[4096];
};

/* Bind and join the loop. address: of this machine, "any" for all it has, NULL for the loopback
 * ones (then and with "any", IPv6 is left out where the machine has none). port 0 finds a free
 * one. Returns the port, or -errno (-EINVAL: address is none). */
int dfu_server_udp_open(struct dfu_server_udp *server, struct dfu_loop *loop, const char *address,
                        uint16_t port);

/* Answer whoever sent the packet now in hand. A datagram that cannot be sent is lost. */
void dfu_server_udp_send(struct dfu_server_udp *server, const uint8_t *packet, size_t len);

void dfu_server_udp_close(struct dfu_server_udp *server);

#endif
