/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "nearby.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libserialport.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define PORT      1337
#define PORT_TEXT "1337"

int dfu_nearby_serial(void (*visit)(void *ctx, const struct dfu_serial_port *port), void *ctx)
{
    struct sp_port **ports;

    if (sp_list_ports(&ports) != SP_OK) {
        return DFU_ERR_IO;
    }
    for (size_t i = 0; ports[i]; i++) {
        struct dfu_serial_port port = {
            .path = sp_get_port_name(ports[i]),
            .description = sp_get_port_description(ports[i]),
            .serial_number = sp_get_port_usb_serial(ports[i]),
            .vid = -1,
            .pid = -1,
        };

        if (sp_get_port_usb_vid_pid(ports[i], &port.vid, &port.pid) != SP_OK) {
            port.vid = -1;
            port.pid = -1;
        }
        visit(ctx, &port);
    }
    sp_free_port_list(ports);
    return 0;
}

bool dfu_nearby_open(struct dfu_nearby *nearby)
{
    int yes = 1;

    nearby->v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    nearby->v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (nearby->v4 >= 0) {
        (void)setsockopt(nearby->v4, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes));
    }
    if (nearby->v6 >= 0) {
        (void)setsockopt(nearby->v6, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    return nearby->v4 >= 0 || nearby->v6 >= 0;
}

void dfu_nearby_close(struct dfu_nearby *nearby)
{
    if (nearby->v4 >= 0) {
        close(nearby->v4);
    }
    if (nearby->v6 >= 0) {
        close(nearby->v6);
    }
}

static bool ask_one(const struct dfu_nearby *nearby, const struct sockaddr *at, socklen_t at_len,
                    const uint8_t *packet, size_t len)
{
    int fd = at->sa_family == AF_INET ? nearby->v4 : nearby->v6;

    return fd >= 0 && sendto(fd, packet, len, 0, at, at_len) == (ssize_t)len;
}

static bool ask_broadcast(const struct dfu_nearby *nearby, const struct ifaddrs *one,
                          const uint8_t *packet, size_t len)
{
    struct sockaddr_in at;

    if (!one->ifa_broadaddr || !(one->ifa_flags & IFF_BROADCAST)) {
        return false;
    }
    memcpy(&at, one->ifa_broadaddr, sizeof(at));
    at.sin_port = htons(PORT);
    return ask_one(nearby, (struct sockaddr *)&at, sizeof(at), packet, len);
}

/* RFC 4291, 2.7.1: all nodes of the link, which only the interface tells. */
static bool ask_all_nodes(const struct dfu_nearby *nearby, const struct ifaddrs *one,
                          const uint8_t *packet, size_t len)
{
    struct sockaddr_in6 own, at = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };

    memcpy(&own, one->ifa_addr, sizeof(own));
    if (!IN6_IS_ADDR_LINKLOCAL(&own.sin6_addr) || !(one->ifa_flags & IFF_MULTICAST)) {
        return false; /* every interface that speaks IPv6 has such an address */
    }
    at.sin6_scope_id = own.sin6_scope_id;
    (void)inet_pton(AF_INET6, "ff02::1", &at.sin6_addr);
    return ask_one(nearby, (struct sockaddr *)&at, sizeof(at), packet, len);
}

static int ask_networks(const struct dfu_nearby *nearby, const uint8_t *packet, size_t len)
{
    struct ifaddrs *all = NULL;
    int asked = 0;

    if (getifaddrs(&all)) {
        return 0;
    }
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) {
            continue;
        }
        if (one->ifa_addr->sa_family == AF_INET) {
            asked += ask_broadcast(nearby, one, packet, len);
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            asked += ask_all_nodes(nearby, one, packet, len);
        }
    }
    freeifaddrs(all);
    return asked;
}

int dfu_nearby_ask(const struct dfu_nearby *nearby, const char *address, const uint8_t *packet,
                   size_t len, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_address at;
    struct addrinfo *found = NULL;
    int err, asked = 0;

    if (!address) {
        return ask_networks(nearby, packet, len);
    }
    if (!dfu_link_address_split(address, strlen(address), PORT_TEXT, &at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "%s is not HOST[:PORT]; write 192.0.2.1, 192.0.2.255:1337 or [ff02::1%%eth0]:1337",
                 address);
        return DFU_ERR_INVAL;
    }
    err = dfu_link_address_find(&at, SOCK_DGRAM, &found, why);
    if (err) {
        return err;
    }
    for (const struct addrinfo *a = found; a && asked == 0; a = a->ai_next) {
        asked = ask_one(nearby, a->ai_addr, a->ai_addrlen, packet, len);
    }
    freeaddrinfo(found);
    if (asked == 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot send to %s: %s; check the address and the network%s", address,
                 strerror(errno), dfu_link_address_hint(&at));
        return DFU_ERR_NOENT;
    }
    return asked;
}

static size_t take(int fd, uint8_t *packet, size_t cap, char from[DFU_NEARBY_FROM_LEN])
{
    struct sockaddr_storage at = { 0 };
    socklen_t at_len = sizeof(at);
    char host[DFU_NEARBY_FROM_LEN - 10], port[8];
    ssize_t len = recvfrom(fd, packet, cap, 0, (struct sockaddr *)&at, &at_len);

    if (len <= 0 || getnameinfo((struct sockaddr *)&at, at_len, host, sizeof(host), port,
                                sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV)) {
        return 0;
    }
    snprintf(from, DFU_NEARBY_FROM_LEN, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return (size_t)len;
}

size_t dfu_nearby_receive(const struct dfu_nearby *nearby, uint8_t *packet, size_t cap,
                          uint32_t timeout_ms, char from[DFU_NEARBY_FROM_LEN])
{
    struct pollfd wait[] = { { .fd = nearby->v4, .events = POLLIN },
                             { .fd = nearby->v6, .events = POLLIN } };

    if (poll(wait, 2, (int)timeout_ms) <= 0) {
        return 0;
    }
    return take(wait[0].revents ? nearby->v4 : nearby->v6, packet, cap, from);
}
