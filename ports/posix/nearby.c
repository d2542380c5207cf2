/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "nearby.h"

#include <arpa/inet.h>
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

int dfu_nearby_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int ask_networks(int fd, const uint8_t *packet, size_t len)
{
    struct ifaddrs *all = NULL;
    int asked = 0;

    if (getifaddrs(&all)) {
        return 0;
    }
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        struct sockaddr_in at;

        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !one->ifa_broadaddr ||
            !(one->ifa_flags & IFF_BROADCAST) || !(one->ifa_flags & IFF_UP)) {
            continue;
        }
        memcpy(&at, one->ifa_broadaddr, sizeof(at));
        at.sin_port = htons(PORT);
        asked += sendto(fd, packet, len, 0, (struct sockaddr *)&at, sizeof(at)) == (ssize_t)len;
    }
    freeifaddrs(all);
    return asked;
}

int dfu_nearby_ask(int fd, const char *address, const uint8_t *packet, size_t len,
                   char why[DFU_LINK_WHY_LEN])
{
    struct dfu_link_address at;
    struct addrinfo *found = NULL;
    int err, asked = 0;

    if (!address) {
        return ask_networks(fd, packet, len);
    }
    if (!dfu_link_address_split(address, strlen(address), PORT_TEXT, &at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "%s is not HOST[:PORT]; write 192.0.2.1 or 192.0.2.255:1337", address);
        return DFU_ERR_INVAL;
    }
    err = dfu_link_address_find(&at, SOCK_DGRAM, &found, why);
    if (err) {
        return err;
    }
    for (const struct addrinfo *a = found; a && asked == 0; a = a->ai_next) {
        if (a->ai_family == AF_INET) {
            asked = sendto(fd, packet, len, 0, a->ai_addr, a->ai_addrlen) == (ssize_t)len;
        }
    }
    freeaddrinfo(found);
    if (asked == 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot send to %s by IPv4; check the address and the network", address);
        return DFU_ERR_NOENT;
    }
    return asked;
}

size_t dfu_nearby_receive(int fd, uint8_t *packet, size_t cap, uint32_t timeout_ms,
                          char from[DFU_NEARBY_FROM_LEN])
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    struct sockaddr_in at = { 0 };
    socklen_t at_len = sizeof(at);
    char host[INET_ADDRSTRLEN];
    ssize_t len;

    if (poll(&wait, 1, (int)timeout_ms) <= 0) {
        return 0;
    }
    len = recvfrom(fd, packet, cap, 0, (struct sockaddr *)&at, &at_len);
    if (len <= 0 || !inet_ntop(AF_INET, &at.sin_addr, host, sizeof(host))) {
        return 0;
    }
    snprintf(from, DFU_NEARBY_FROM_LEN, "%s:%u", host, (unsigned)ntohs(at.sin_port));
    return (size_t)len;
}
