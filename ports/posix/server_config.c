/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void hang_up(struct dfu_server_config_connection *c)
{
    if (c->file.fd >= 0) {
        close(c->file.fd);
        c->file.fd = -1;
        c->server->gone(c->server->ctx, c->number);
    }
}

/* An answer is short; a host that leaves no room for one doesn't read, and is left. */
static void answer(struct dfu_server_config_connection *c, const uint8_t *bytes, size_t len)
{
    if (send(c->file.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
        hang_up(c);
    }
}

/* How many bytes the request has whose first byte is there; 0: there is no such request. */
static size_t request_size(uint8_t first)
{
    if (first == DFU_CONFIG_WIRE_GET_REPORT) {
        return 1;
    }
    return first == DFU_CONFIG_WIRE_SET_REPORT ? 1 + DFU_CONFIG_REPORT_SIZE : 0;
}

static void carry_out(struct dfu_server_config_connection *c)
{
    struct dfu_server_config *server = c->server;
    uint8_t out[1 + DFU_CONFIG_REPORT_SIZE] = { DFU_CONFIG_WIRE_TAKEN };
    bool is_get = c->request[0] == DFU_CONFIG_WIRE_GET_REPORT;
    int err =
        is_get ? server->get_report(server->ctx, c->number, out + 1)
               : server->set_report(server->ctx, c->number, c->request + 1, DFU_CONFIG_REPORT_SIZE);

    c->len = 0;
    if (err) {
        out[0] = DFU_CONFIG_WIRE_STALLED;
    }
    if (c->file.fd >= 0) { /* the request may have restarted the device */
        answer(c, out, is_get && !err ? sizeof out : 1);
    }
}

static void take_byte(struct dfu_server_config_connection *c, uint8_t byte)
{
    c->request[c->len++] = byte;
    if (request_size(c->request[0]) == 0) {
        hang_up(c);
    } else if (c->len == request_size(c->request[0])) {
        carry_out(c);
    }
}

static void take_bytes(void *ctx)
{
    struct dfu_server_config_connection *c = ctx;
    uint8_t bytes[256];
    ssize_t len;

    if (c->file.fd < 0) {
        return;
    }
    len = recv(c->file.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        hang_up(c);
    }
    for (ssize_t i = 0; i < len && c->file.fd >= 0; i++) {
        take_byte(c, bytes[i]);
    }
}

/* A host that left before this one came makes room. */
static bool is_free(struct dfu_server_config_connection *c)
{
    take_bytes(c);
    return c->file.fd < 0;
}

static void accept_from(struct dfu_server_config *server, int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    for (unsigned i = 0; fd >= 0 && i < DFU_SERVER_CONFIG_CONNECTIONS; i++) {
        struct dfu_server_config_connection *c = &server->connections[i];

        if (is_free(c)) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
            c->file.fd = fd;
            c->len = 0;
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void accept_one(void *ctx)
{
    struct dfu_server_config *server = ctx;

    for (unsigned i = 0; i < server->listener_count; i++) {
        accept_from(server, server->listeners[i].fd);
    }
}

static int listen_on(struct dfu_server_config *server, struct dfu_loop *loop,
                     struct dfu_endpoint *endpoint, uint16_t port)
{
    struct dfu_loop_file *file = &server->listeners[server->listener_count];
    int fd = dfu_endpoint_bind(endpoint, SOCK_STREAM | SOCK_NONBLOCK, port);

    if (fd >= 0 && listen(fd, 4)) {
        int err = errno;

        close(fd);
        return -err;
    }
    if (fd < 0) {
        return fd;
    }
    server->listener_count++;
    *file = (struct dfu_loop_file){ .fd = fd, .ready = accept_one, .ctx = server };
    dfu_loop_add(loop, file);
    return dfu_endpoint_port(fd);
}

int dfu_server_config_open(struct dfu_server_config *server, struct dfu_loop *loop,
                           const char *address, uint16_t port)
{
    struct dfu_endpoint endpoints[DFU_ENDPOINTS_MAX];
    unsigned count = dfu_endpoint_resolve(address, endpoints);
    int found = count > 0 ? listen_on(server, loop, &endpoints[0], port) : -EINVAL;

    if (found < 0) {
        return found;
    }
    if (count > 1) { /* many machines have no IPv6; they are served by IPv4 alone */
        (void)listen_on(server, loop, &endpoints[1], (uint16_t)found);
    }
    for (unsigned i = 0; i < DFU_SERVER_CONFIG_CONNECTIONS; i++) {
        struct dfu_server_config_connection *c = &server->connections[i];

        c->server = server;
        c->number = i;
        c->file = (struct dfu_loop_file){ .fd = -1, .ready = take_bytes, .ctx = c };
        dfu_loop_add(loop, &c->file);
    }
    return found;
}

void dfu_server_config_unplug(struct dfu_server_config *server)
{
    for (unsigned i = 0; i < DFU_SERVER_CONFIG_CONNECTIONS; i++) {
        hang_up(&server->connections[i]);
    }
}

void dfu_server_config_close(struct dfu_server_config *server)
{
    if (server->listener_count > 0) {
        dfu_server_config_unplug(server);
    }
    for (unsigned i = 0; i < server->listener_count; i++) {
        close(server->listeners[i].fd);
    }
    server->listener_count = 0;
}
