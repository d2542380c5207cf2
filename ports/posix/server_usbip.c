/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_usbip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

/* Above this a peer that does not read its answers gets no more of them. */
#define OUT_ENOUGH (DFU_SERVER_USBIP_OUT_SIZE / 2)

static void hang_up(struct dfu_server_usbip_connection *c)
{
    if (c->file.fd < 0) {
        return;
    }
    dfu_usbip_close(&c->usbip);
    close(c->file.fd);
    free(c->out);
    c->out = NULL;
    c->file.fd = -1;
    c->file.wants_write = false;
    c->file.ignores_input = false;
}

/* ---- Bytes out ---- */

/* false: the connection is gone. */
static bool push(struct dfu_server_usbip_connection *c)
{
    while (c->out_len > 0) {
        ssize_t done = send(c->file.fd, c->out, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (done < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
                break;
            }
            return false;
        }
        c->out_len -= (size_t)done;
        memmove(c->out, c->out + done, c->out_len);
    }
    c->file.wants_write = c->out_len > 0;
    c->file.ignores_input = c->out_len > OUT_ENOUGH;
    return true;
}

static void keep(void *ctx, const uint8_t *bytes, size_t len)
{
    struct dfu_server_usbip_connection *c = ctx;

    if (len <= DFU_SERVER_USBIP_OUT_SIZE - c->out_len) {
        memcpy(c->out + c->out_len, bytes, len);
        c->out_len += len;
    } else {
        c->is_choked = true; /* half a message can't be taken back */
    }
}

/* ---- Bytes in ---- */

static void move_bytes(void *ctx)
{
    struct dfu_server_usbip_connection *c = ctx;
    uint8_t bytes[4096];
    ssize_t len = -1;
    int err = DFU_OK;

    if (c->file.fd < 0) {
        return;
    }
    errno = EAGAIN;
    if (!c->file.ignores_input) {
        len = recv(c->file.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    if (len > 0) {
        err = dfu_usbip_receive(&c->usbip, bytes, (size_t)len);
    }
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) ||
        !push(c) || err || c->is_choked) {
        hang_up(c);
    }
}

static void accept_one(void *ctx)
{
    struct dfu_server_usbip *server = ctx;
    int one = 1;
    int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC);

    for (size_t i = 0; fd >= 0 && i < DFU_SERVER_USBIP_CONNECTIONS; i++) {
        struct dfu_server_usbip_connection *c = &server->connections[i];

        if (c->file.fd >= 0) {
            continue;
        }
        c->out = malloc(DFU_SERVER_USBIP_OUT_SIZE);
        if (!c->out) {
            break;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->file.fd = fd;
        c->out_len = 0;
        c->is_choked = false;
        dfu_usbip_open(&c->usbip);
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* ---- The server ---- */

static int listen_on(const char *address, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int one = 1;
    int fd;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (address && strcmp(address, "any") == 0) {
        to.sin_addr.s_addr = htonl(INADDR_ANY);
    } else if (address && strcmp(address, "localhost") != 0 &&
               inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        return -EINVAL;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&to, sizeof to) || listen(fd, 4)) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

int dfu_server_usbip_open(struct dfu_server_usbip *server, struct dfu_loop *loop,
                          const char *address, uint16_t port)
{
    struct sockaddr_in bound = { 0 };
    socklen_t len = sizeof bound;
    int fd = listen_on(address, port);

    if (fd < 0) {
        return fd;
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &len)) {
        int err = errno;

        close(fd);
        return -err;
    }
    server->listener = (struct dfu_loop_file){ .fd = fd, .ready = accept_one, .ctx = server };
    dfu_loop_add(loop, &server->listener);
    for (size_t i = 0; i < DFU_SERVER_USBIP_CONNECTIONS; i++) {
        struct dfu_server_usbip_connection *c = &server->connections[i];

        c->server = server;
        c->file = (struct dfu_loop_file){ .fd = -1, .ready = move_bytes, .ctx = c };
        c->usbip.shown = server->shown;
        c->usbip.send = keep;
        c->usbip.ctx = c;
        dfu_loop_add(loop, &c->file);
    }
    return ntohs(bound.sin_port);
}

void dfu_server_usbip_poll(struct dfu_server_usbip *server)
{
    for (size_t i = 0; i < DFU_SERVER_USBIP_CONNECTIONS; i++) {
        struct dfu_server_usbip_connection *c = &server->connections[i];

        if (c->file.fd < 0 || c->out_len > OUT_ENOUGH) {
            continue;
        }
        dfu_usbip_poll(&c->usbip);
        if (!push(c) || c->is_choked) {
            hang_up(c);
        }
    }
}

void dfu_server_usbip_unplug(struct dfu_server_usbip *server)
{
    for (size_t i = 0; i < DFU_SERVER_USBIP_CONNECTIONS; i++) {
        struct dfu_server_usbip_connection *c = &server->connections[i];

        if (c->file.fd >= 0 && dfu_usbip_is_imported(&c->usbip)) {
            push(c);
            hang_up(c);
        }
    }
}

void dfu_server_usbip_close(struct dfu_server_usbip *server)
{
    if (server->listener.fd <= 0) {
        return;
    }
    close(server->listener.fd);
    server->listener.fd = -1;
    for (size_t i = 0; i < DFU_SERVER_USBIP_CONNECTIONS; i++) {
        hang_up(&server->connections[i]);
    }
}
