/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A serial device behind a TCP port, as ser2net's raw mode or a terminal server offers one: the
 * bytes of the line, nothing else. Line settings are made there. */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define CONNECT_MS 5000
#define ANSWER_MS  1500u /* the line behind it has a pace that is not known here */

static int wait_for_connection(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int error = ETIMEDOUT;
    socklen_t len = sizeof(error);

    if (poll(&wait, 1, CONNECT_MS) == 1) {
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    return error;
}

/* A descriptor, or -errno. */
static int connect_one(const struct addrinfo *a)
{
    int one = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;

    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen)) {
        error = errno == EINPROGRESS ? wait_for_connection(fd) : errno;
    }
    if (error) {
        close(fd);
        return -error;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    return fd;
}

static int parse(const char *address, struct dfu_link_address *at, bool *is_raw,
                 char why[DFU_LINK_WHY_LEN])
{
    size_t len = strcspn(address, ",");

    *is_raw = strcmp(address + len, ",raw") == 0;
    if (address[len] && !*is_raw) {
        snprintf(why, DFU_LINK_WHY_LEN, "tcp option %.60s is not known; there is raw",
                 address + len + 1);
        return DFU_ERR_INVAL;
    }
    if (!dfu_link_address_split(address, len, NULL, at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "tcp:%.60s is not HOST:PORT; write tcp:192.0.2.1:4000[,raw] with the port of the "
                 "serial server",
                 address);
        return DFU_ERR_INVAL;
    }
    return 0;
}

static int tcp_open(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN])
{
    struct addrinfo *found = NULL;
    struct dfu_link_address at;
    bool is_raw = false;
    int err = parse(address, &at, &is_raw, why);

    if (!err) {
        err = dfu_link_address_find(&at, SOCK_STREAM, &found, why);
    }
    if (err) {
        return err;
    }
    for (const struct addrinfo *a = found; a && link->fd < 0; a = a->ai_next) {
        link->fd = connect_one(a);
    }
    freeaddrinfo(found);
    if (link->fd < 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot connect to %s port %s: %s; check that the serial server runs there",
                 at.host, at.port, strerror(-link->fd));
        link->fd = -1;
        return DFU_ERR_NOENT;
    }
    link->is_socket = true;
    dfu_link_stream_init(link, is_raw);
    link->answer_ms = ANSWER_MS;
    return 0;
}

static void tcp_close(struct dfu_link *link)
{
    close(link->fd);
}

const struct dfu_link_kind dfu_link_tcp = { tcp_open, dfu_link_stream_send, dfu_link_stream_receive,
                                            tcp_close };
