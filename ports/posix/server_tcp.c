/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_tcp.h"

#include <errno.h>
#include <string.h>
#include <netinet/tcp.h>
#include <unistd.h>

static void hang_up(struct dfu_server_tcp *server)
{
    close(server->client.fd);
    server->client.fd = -1;
    server->client.wants_write = false;
}

/* ---- Bytes out ---- */

static void write_some(struct dfu_server_tcp *server)
{
    ssize_t done =
        send(server->client.fd, server->out, server->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (done > 0) {
        server->out_len -= (size_t)done;
        memmove(server->out, server->out + done, server->out_len);
    }
    server->client.wants_write = server->out_len > 0;
}

static int queue(void *ctx, const uint8_t *data, size_t len)
{
    struct dfu_server_tcp *server = ctx;

    memcpy(server->out + server->out_len, data, len);
    server->out_len += len;
    return 0;
}

void dfu_server_tcp_send(struct dfu_server_tcp *server, const uint8_t *packet, size_t len)
{
    /* Base64 and markers stay below twice the bytes for all but the tiniest packets. */
    if (server->client.fd < 0 || len * 2 + 32 > sizeof server->out - server->out_len) {
        return;
    }
    (void)dfu_framing_send(&server->framing, packet, len, queue, server);
    write_some(server);
}

/* ---- Bytes in ---- */

static void move_bytes(void *ctx)
{
    struct dfu_server_tcp *server = ctx;
    uint8_t bytes[4096];
    ssize_t len;

    if (server->client.fd < 0) {
        return;
    }
    if (server->out_len > 0) {
        write_some(server);
    }
    len = recv(server->client.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        hang_up(server);
    }
    for (ssize_t i = 0; i < len; i++) {
        size_t packet = dfu_framing_feed(&server->framing, bytes[i], dfu_loop_now_ms());

        if (packet > 0) {
            server->packet(server->ctx, server->in, packet);
        }
    }
}

/* A line that was dropped in the middle of a packet starts afresh with the next client. */
static void accept_one(void *ctx)
{
    struct dfu_server_tcp_socket *s = ctx;
    struct dfu_server_tcp *server = s->server;
    int one = 1;
    int fd = accept4(s->file.fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && server->client.fd >= 0) {
        close(fd);
        return;
    }
    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    server->client.fd = fd;
    server->connection++;
    server->out_len = 0;
    dfu_framing_init(&server->framing, server->is_raw, server->in, sizeof server->in);
}

/* ---- The server ---- */

static int listen_on(struct dfu_server_tcp *server, struct dfu_loop *loop,
                     struct dfu_endpoint *endpoint, uint16_t port)
{
    struct dfu_server_tcp_socket *s = &server->sockets[server->count];
    int fd = dfu_endpoint_bind(endpoint, SOCK_STREAM | SOCK_NONBLOCK, port);

    if (fd < 0) {
        return fd;
    }
    if (listen(fd, 4)) {
        int err = errno;

        close(fd);
        return -err;
    }
    server->count++;
    s->server = server;
    s->file = (struct dfu_loop_file){ .fd = fd, .ready = accept_one, .ctx = s };
    dfu_loop_add(loop, &s->file);
    return dfu_endpoint_port(fd);
}

int dfu_server_tcp_open(struct dfu_server_tcp *server, struct dfu_loop *loop, const char *address,
                        uint16_t port)
{
    struct dfu_endpoint endpoints[DFU_ENDPOINTS_MAX];
    unsigned count = dfu_endpoint_resolve(address, endpoints);
    int found;

    server->count = 0;
    server->client = (struct dfu_loop_file){ .fd = -1, .ready = move_bytes, .ctx = server };
    if (count == 0) {
        return -EINVAL;
    }
    found = listen_on(server, loop, &endpoints[0], port);
    if (found >= 0 && count > 1) { /* many machines have no IPv6; they are served by IPv4 alone */
        (void)listen_on(server, loop, &endpoints[1], (uint16_t)found);
    }
    if (found >= 0) {
        dfu_loop_add(loop, &server->client);
    }
    return found;
}

void dfu_server_tcp_close(struct dfu_server_tcp *server)
{
    if (server->count > 0 && server->client.fd >= 0) {
        hang_up(server);
    }
    for (unsigned i = 0; i < server->count; i++) {
        close(server->sockets[i].file.fd);
    }
    server->count = 0;
}
