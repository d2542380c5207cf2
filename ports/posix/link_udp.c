/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One packet a datagram. The socket is connected: only the device's answers come in, and the host
 * can say that nothing listens. That is remembered, not an error: a device that restarts is not
 * there for a while. */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define DEFAULT_PORT   "1337"
#define IPV4_OVERHEAD  28
#define IPV6_OVERHEAD  48
#define DATAGRAM_MAX   65507
#define ETHERNET_IPV4  1472u
#define ANSWER_MS      1000u
#define RECEIVE_BUFFER (1 << 20)

static uint32_t mtu_of(int fd, int family)
{
    int mtu = 0;
    socklen_t len = sizeof(mtu);
    bool is_v6 = family == AF_INET6;

    if (getsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_MTU : IP_MTU, &mtu, &len) ||
        mtu < 576) {
        return ETHERNET_IPV4;
    }
    mtu -= is_v6 ? IPV6_OVERHEAD : IPV4_OVERHEAD;
    return (uint32_t)(mtu < DATAGRAM_MAX ? mtu : DATAGRAM_MAX);
}

static int connect_any(struct dfu_link *link, const struct addrinfo *found)
{
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        int size = RECEIVE_BUFFER;
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
            link->fd = fd;
            link->mtu = mtu_of(fd, a->ai_family);
            return 0;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return DFU_ERR_IO;
}

int dfu_link_udp_connect(struct dfu_link *link, const struct dfu_link_address *at,
                         char why[DFU_LINK_WHY_LEN])
{
    struct addrinfo *found = NULL;
    int err = dfu_link_address_find(at, SOCK_DGRAM, &found, why);

    if (err) {
        return err;
    }
    err = connect_any(link, found);
    freeaddrinfo(found);
    if (err) {
        snprintf(why, DFU_LINK_WHY_LEN, "cannot reach %s port %s: %s; check the network%s",
                 at->host, at->port, strerror(errno), dfu_link_address_hint(at));
        return DFU_ERR_NOENT;
    }
    return 0;
}

static int udp_open(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_address at;

    if (!dfu_link_address_split(address, strlen(address), DEFAULT_PORT, &at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "udp:%s is not HOST[:PORT]; write udp:192.0.2.1:1337 or udp:[2001:db8::1]:1337",
                 address);
        return DFU_ERR_INVAL;
    }
    link->answer_ms = ANSWER_MS;
    return dfu_link_udp_connect(link, &at, why);
}

/* A network that is down for a moment loses packets; only a broken socket is a lost link. */
static int outcome(struct dfu_link *link)
{
    switch (errno) {
    case ECONNREFUSED: link->is_refused = true; return 0;
    case EBADF:
    case ENOTSOCK: return DFU_ERR_IO;
    default: return 0;
    }
}

static int udp_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    ssize_t sent = send(link->fd, packet, len, 0);

    if (sent < 0 && errno == ECONNREFUSED) { /* of the packet before: this one was not sent yet */
        link->is_refused = true;
        sent = send(link->fd, packet, len, 0);
    }
    return sent < 0 ? outcome(link) : 0;
}

static int udp_receive(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    ssize_t len = recv(link->fd, packet, cap, 0);

    return len < 0 ? outcome(link) : (int)len;
}

static void udp_close(struct dfu_link *link)
{
    close(link->fd);
}

const struct dfu_link_kind dfu_link_udp = { udp_open, NULL, udp_send, udp_receive, udp_close };
