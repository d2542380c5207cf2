/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_udp.h"

#include <errno.h>
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
    struct dfu_endpoint endpoints[DFU_ENDPOINTS_MAX];
    unsigned count = dfu_endpoint_resolve(address, endpoints);
    int found;
    int fd;

    server->count = 0;
    server->asker = NULL;
    if (count == 0) {
        return -EINVAL;
    }
    fd = dfu_endpoint_bind(&endpoints[0], SOCK_DGRAM, port);
    found = fd < 0 ? fd : dfu_endpoint_port(fd);
    if (found < 0) {
        return found;
    }
    join(server, loop, fd);
    if (count > 1) {
        fd = dfu_endpoint_bind(&endpoints[1], SOCK_DGRAM, (uint16_t)found);
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
