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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define CONNECT_MS 5000
#define ANSWER_MS  1500u /* the line behind it has a pace that is not known here */

/* The addresses that are left to be tried. */
struct dfu_link_tcp {
    struct addrinfo *found;
    const struct addrinfo *next;
    struct dfu_link_address at;
    bool is_raw;
    int error; /* of the last one that was tried */
    uint64_t end_ms;
};

static void forget(struct dfu_link *link)
{
    if (link->tcp) {
        freeaddrinfo(link->tcp->found);
        free(link->tcp);
    }
    link->tcp = NULL;
}

static void give_up(struct dfu_link *link, int error)
{
    link->tcp->error = error;
    if (link->fd >= 0) {
        close(link->fd);
    }
    link->fd = -1;
}

/* Begin with the next address that does not fail at once. False: there is none. */
static bool try_next(struct dfu_link *link)
{
    struct dfu_link_tcp *tcp = link->tcp;

    while (tcp->next) {
        const struct addrinfo *a = tcp->next;

        tcp->next = a->ai_next;
        link->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (link->fd < 0) {
            tcp->error = errno;
        } else if (connect(link->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
            tcp->end_ms = dfu_link_now_ms() + CONNECT_MS;
            link->opening_due_ms = tcp->end_ms;
            return true;
        } else {
            give_up(link, errno);
        }
    }
    return false;
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

static int explain(struct dfu_link *link, char why[DFU_LINK_WHY_LEN])
{
    const struct dfu_link_tcp *tcp = link->tcp;

    snprintf(why, DFU_LINK_WHY_LEN,
             "cannot connect to %s port %s: %s; check that the serial server runs there",
             tcp->at.host, tcp->at.port, strerror(tcp->error));
    forget(link);
    return DFU_ERR_NOENT;
}

static void settle(struct dfu_link *link)
{
    bool is_raw = link->tcp->is_raw;
    int one = 1;

    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    forget(link);
    link->is_opening = false;
    link->is_socket = true;
    dfu_link_stream_init(link, is_raw);
    link->answer_ms = ANSWER_MS;
}

static int tcp_go_on(struct dfu_link *link, char why[DFU_LINK_WHY_LEN])
{
    struct pollfd wait = { .fd = link->fd, .events = POLLOUT };
    bool is_decided = poll(&wait, 1, 0) == 1;
    int error = ETIMEDOUT;
    socklen_t len = sizeof(error);

    if (!is_decided && dfu_link_now_ms() < link->tcp->end_ms) {
        return 0;
    }
    if (is_decided) {
        (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    if (error == 0) {
        settle(link);
        return 0;
    }
    give_up(link, error);
    return try_next(link) ? 0 : explain(link, why);
}

static int tcp_open(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_tcp *tcp = calloc(1, sizeof(*tcp));
    int err = tcp ? parse(address, &tcp->at, &tcp->is_raw, why) : DFU_ERR_IO;

    if (!tcp) {
        snprintf(why, DFU_LINK_WHY_LEN, "out of memory");
    } else if (!err) {
        err = dfu_link_address_find(&tcp->at, SOCK_STREAM, &tcp->found, why);
    }
    if (err) {
        free(tcp);
        return err;
    }
    link->tcp = tcp;
    tcp->next = tcp->found;
    link->is_opening = true;
    link->opening_events = POLLOUT;
    return try_next(link) ? 0 : explain(link, why);
}

static void tcp_close(struct dfu_link *link)
{
    forget(link);
    if (link->fd >= 0) {
        close(link->fd);
    }
}

const struct dfu_link_kind dfu_link_tcp = { tcp_open, tcp_go_on, dfu_link_stream_send,
                                            dfu_link_stream_receive, tcp_close };
