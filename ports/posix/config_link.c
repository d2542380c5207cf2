/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "config_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_wire.h"
#include "dfu/err.h"
#include "link.h"

#define PREFIX     "config:"
#define PREFIX_LEN (sizeof PREFIX - 1)

static int connect_any(const struct addrinfo *found)
{
    int one = 1;

    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            return fd;
        }
        if (fd >= 0) {
            int err = errno;

            close(fd);
            errno = err;
        }
    }
    return -1;
}

int dfu_config_link_open(struct dfu_config_link *link, const char *target, uint32_t timeout_ms,
                         char why[DFU_LINK_WHY_LEN])
{
    struct addrinfo *found = NULL;
    struct dfu_link_address at;
    int err;

    link->fd = -1;
    link->timeout_ms = timeout_ms;
    if (strncmp(target, PREFIX, PREFIX_LEN) != 0 ||
        !dfu_link_address_split(target + PREFIX_LEN, strlen(target + PREFIX_LEN),
                                DFU_CONFIG_LINK_PORT, &at)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "target %.200s has no configuration channel; write config:HOST[:PORT]", target);
        return DFU_ERR_INVAL;
    }
    err = dfu_link_address_find(&at, SOCK_STREAM, &found, why);
    if (err) {
        return err;
    }
    link->fd = connect_any(found);
    freeaddrinfo(found);
    if (link->fd < 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot connect to %s port %s: %s; start the device or correct the port", at.host,
                 at.port, strerror(errno));
        return DFU_ERR_NOENT;
    }
    return DFU_OK;
}

static int receive(struct dfu_config_link *link, uint8_t *out, size_t len)
{
    uint64_t end_ms = dfu_link_now_ms() + link->timeout_ms;

    while (len > 0) {
        uint64_t now_ms = dfu_link_now_ms();
        struct pollfd fd = { .fd = link->fd, .events = POLLIN };
        int ready = poll(&fd, 1, now_ms < end_ms ? (int)(end_ms - now_ms) : 0);
        ssize_t n = ready > 0 ? recv(link->fd, out, len, 0) : 0;

        if (ready == 0) {
            return DFU_ERR_TIMEOUT;
        }
        if (ready > 0 && (n == 0 || (n < 0 && errno != EINTR))) {
            return DFU_ERR_IO;
        }
        if (n > 0) {
            out += n;
            len -= (size_t)n;
        }
    }
    return DFU_OK;
}

/* Send a request; the status byte of its answer. */
static int ask(struct dfu_config_link *link, const uint8_t *request, size_t len)
{
    uint8_t status;
    int err;

    if (link->fd < 0 || send(link->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return DFU_ERR_IO;
    }
    err = receive(link, &status, 1);
    if (err) {
        return err;
    }
    switch (status) {
    case DFU_CONFIG_WIRE_TAKEN: return DFU_OK;
    case DFU_CONFIG_WIRE_STALLED: return DFU_ERR_STATE;
    default: return DFU_ERR_FORMAT;
    }
}

int dfu_config_link_set(struct dfu_config_link *link, const uint8_t report[DFU_CONFIG_REPORT_SIZE])
{
    uint8_t request[1 + DFU_CONFIG_REPORT_SIZE] = { DFU_CONFIG_WIRE_SET_REPORT };

    memcpy(request + 1, report, DFU_CONFIG_REPORT_SIZE);
    return ask(link, request, sizeof request);
}

int dfu_config_link_get(struct dfu_config_link *link, uint8_t report[DFU_CONFIG_REPORT_SIZE])
{
    const uint8_t request = DFU_CONFIG_WIRE_GET_REPORT;
    int err = ask(link, &request, 1);

    return err ? err : receive(link, report, DFU_CONFIG_REPORT_SIZE);
}

void dfu_config_link_close(struct dfu_config_link *link)
{
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
}
