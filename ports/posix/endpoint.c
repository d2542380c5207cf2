/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct dfu_endpoint endpoint_v4(struct in_addr address)
{
    struct dfu_endpoint e = { .len = sizeof e.address.v4 };

    e.address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = address };
    return e;
}

static struct dfu_endpoint endpoint_v6(struct in6_addr address)
{
    struct dfu_endpoint e = { .len = sizeof e.address.v6 };

    e.address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = address };
    return e;
}

unsigned dfu_endpoint_resolve(const char *text, struct dfu_endpoint out[DFU_ENDPOINTS_MAX])
{
    struct in_addr v4 = { .s_addr = htonl(text ? INADDR_ANY : INADDR_LOOPBACK) };
    struct in6_addr v6 = text ? in6addr_any : in6addr_loopback;

    if (!text || strcmp(text, "any") == 0) {
        out[0] = endpoint_v4(v4);
        out[1] = endpoint_v6(v6);
        return 2;
    }
    if (inet_pton(AF_INET, text, &v4) == 1) {
        out[0] = endpoint_v4(v4);
        return 1;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        out[0] = endpoint_v6(v6);
        return 1;
    }
    return 0;
}

int dfu_endpoint_bind(struct dfu_endpoint *endpoint, int socket_type, uint16_t port)
{
    int family = endpoint->address.any.sa_family;
    int one = 1;
    int fd = socket(family, socket_type | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    if ((socket_type & ~SOCK_NONBLOCK) == SOCK_STREAM) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* no wait after a restart */
    }
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        endpoint->address.v6.sin6_port = htons(port);
    } else {
        endpoint->address.v4.sin_port = htons(port);
    }
    if (bind(fd, &endpoint->address.any, endpoint->len)) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

int dfu_endpoint_port(int fd)
{
    struct dfu_endpoint bound = { .len = sizeof bound.address };

    if (getsockname(fd, &bound.address.any, &bound.len)) {
        return -errno;
    }
    return ntohs(bound.address.any.sa_family == AF_INET6 ? bound.address.v6.sin6_port
                                                         : bound.address.v4.sin_port);
}
