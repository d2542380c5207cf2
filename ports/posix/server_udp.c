/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* Datagrams taken at one go, so that a flood on one link starves neither the other nor the clock. */
#define AT_ONE_GO 16

static void take_datagrams(void *ctx)
{
    struct dfu_server_udp_socket *s = ctx;
    struct dfu_server_udp *server = s->server;

    for (int i = 0; i < AT_ONE_GO; i++) {
        server->asker_len = sizeof server->asker_address;
        ssize_t len =
            recvfrom(s->file.fd, server->buf, sizeof server->buf, MSG_DONTWAIT | MSG_TRUNC,
                     (struct sockaddr *)&server->asker_address, &server->asker_len);

        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (len <= 0 || (size_t)len > sizeof server->buf) {
            continue; /* an empty, a cut or an undeliverable one: as if lost */
        }
        server->asker = s;
        server->packet(server->ctx, server->buf, (size_t)len);
        server->asker = NULL;
    }
}

/* A socket address of either family. */
struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len;
};

static struct endpoint endpoint_v4(struct in_addr address)
{
    struct endpoint e = { .len = sizeof e.address.v4 };

    e.address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = address };
    return e;
}

static struct endpoint endpoint_v6(struct in6_addr address)
{
    struct endpoint e = { .len = sizeof e.address.v6 };

    e.address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = address };
    return e;
}

/* How many endpoints an address means; 0 if it is none. */
static unsigned resolve(const char *text, struct endpoint out[DFU_SERVER_UDP_SOCKETS])
{
    struct in_addr v4 = { .s_addr = htonl(text ? INADDR_ANY : INADDR_LOOPBACK) };
    struct in6_addr v6 = text ? in6addr_any : in6addr_loopback;

    if (!text || strcmp(text, "any") == 0) {
        out[0] = endpoint_v4(v4);
        out[1] = endpoint_v6(v6);
        return 2;
    }
    if (inet_pton(AF_INET, text, &v4) == 1) {
        out[0] = endpoint_v4(v4);
        return 1;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        out[0] = endpoint_v6(v6);
        return 1;
    }
    return 0;
}

static int bind_socket(struct endpoint *endpoint, uint16_t port)
{
    int family = endpoint->address.any.sa_family;
    int one = 1;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        endpoint->address.v6.sin6_port = htons(port);
    } else {
        endpoint->address.v4.sin_port = htons(port);
    }
    if (bind(fd, &endpoint->address.any, endpoint->len)) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

static int port_of(int fd)
{
    struct endpoint bound = { .len = sizeof bound.address };

    if (getsockname(fd, &bound.address.any, &bound.len)) {
        return -errno;
    }
    return ntohs(bound.address.any.sa_family == AF_INET6 ? bound.address.v6.sin6_port
                                                         : bound.address.v4.sin_port);
}

static void join(struct dfu_server_udp *server, struct dfu_loop *loop, int fd)
{
    struct dfu_server_udp_socket *s = &server->sockets[server->count++];

    s->server = server;
    s->file = (struct dfu_loop_file){ .fd = fd, .ready = take_datagrams, .ctx = s };
    dfu_loop_add(loop, &s->file);
}

int dfu_server_udp_open(struct dfu_server_udp *server, struct dfu_loop *loop, const char *address,
                        uint16_t port)
{
    struct endpoint endpoints[DFU_SERVER_UDP_SOCKETS];
    unsigned count = resolve(address, endpoints);
    int found;
    int fd;

    server->count = 0;
    server->asker = NULL;
    if (count == 0) {
        return -EINVAL;
    }
    fd = bind_socket(&endpoints[0], port);
    found = fd < 0 ? fd : port_of(fd);
    if (found < 0) {
        return found;
    }
    join(server, loop, fd);
    if (count > 1) {
        fd = bind_socket(&endpoints[1], (uint16_t)found);
        if (fd >= 0) { /* many machines have no IPv6; they are served by IPv4 alone */
            join(server, loop, fd);
        }
    }
    return found;
}

void dfu_server_udp_send(struct dfu_server_udp *server, const uint8_t *packet, size_t len)
{
    if (server->asker) {
        sendto(server->asker->file.fd, packet, len, MSG_DONTWAIT,
               (const struct sockaddr *)&server->asker_address, server->asker_len);
    }
}

void dfu_server_udp_close(struct dfu_server_udp *server)
{
    for (unsigned i = 0; i < server->count; i++) {
        close(server->sockets[i].file.fd);
    }
    server->count = 0;
}
