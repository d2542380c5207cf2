/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* endpoint.h - addresses of this machine that a server listens on. */
#ifndef DFU_POSIX_ENDPOINT_H
#define DFU_POSIX_ENDPOINT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define DFU_ENDPOINTS_MAX 2u

/* A socket address of either family. */
struct dfu_endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len;
};

/* How many endpoints an address means; 0 if it is none. "any" is all of this machine's, NULL the
 * loopback ones: IPv4, then IPv6, which may be left out where the machine has none. */
unsigned dfu_endpoint_resolve(const char *text, struct dfu_endpoint out[DFU_ENDPOINTS_MAX]);

/* A new socket of SOCK_DGRAM or SOCK_STREAM (| SOCK_NONBLOCK) bound to it, or -errno. */
int dfu_endpoint_bind(struct dfu_endpoint *endpoint, int socket_type, uint16_t port);

/* The port that a socket is bound to, or -errno. */
int dfu_endpoint_port(int fd);

#endif
