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

static int bind_socket(int family, uint16_t port, int on_all_addresses)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = family == AF_INET ? (socklen_t)sizeof v4 : (socklen_t)sizeof v6;
    int one = 1;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    v4.sin_addr.s_addr = htonl(on_all_addresses ? INADDR_ANY : INADDR_LOOPBACK);
    v6.sin6_addr = on_all_addresses ? in6addr_any : in6addr_loopback;
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
    if (bind(fd, address, len)) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in address = { .sin_port = 0 };
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len)) {
        return -errno;
    }
    return ntohs(address.sin_port);
}

static void join(struct dfu_server_udp *server, struct dfu_loop *loop, int fd)
{
    struct dfu_server_udp_socket *s = &server->sockets[server->count++];

    s->server = server;
    s->file = (struct dfu_loop_file){ .fd = fd, .ready = take_datagrams, .ctx = s };
    dfu_loop_add(loop, &s->file);
}

int dfu_server_udp_open(struct dfu_server_udp *server, struct dfu_loop *loop, uint16_t port,
                        int on_all_addresses)
{
    server->count = 0;
    server->asker = NULL;
    int fd = bind_socket(AF_INET, port, on_all_addresses);
    int found = fd < 0 ? fd : port_of(fd);

    if (found < 0) {
        return found;
    }
    join(server, loop, fd);
    fd = bind_socket(AF_INET6, (uint16_t)found, on_all_addresses);
    if (fd >= 0) { /* many machines have no IPv6; they are served by IPv4 alone */
        join(server, loop, fd);
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
