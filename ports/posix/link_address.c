/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dfu/err.h"

static bool is_port(const char *text)
{
    return text[strspn(text, "0123456789")] == 0 && strtoul(text, NULL, 10) > 0 &&
           strtoul(text, NULL, 10) <= UINT16_MAX;
}

bool dfu_link_address_split(const char *text, size_t len, const char *default_port,
                            struct dfu_link_address *out)
{
    char all[sizeof(out->host) + sizeof(out->port) + 3];
    char *host = all, *end, *port = NULL;

    if (len >= sizeof(all)) {
        return false;
    }
    memcpy(all, text, len);
    all[len] = 0;
    if (all[0] == '[') {
        host = all + 1;
        end = strchr(host, ']');
        if (!end || (end[1] != 0 && end[1] != ':')) {
            return false;
        }
        port = end[1] == ':' ? end + 2 : NULL;
        *end = 0;
    } else {
        end = strchr(all, ':');
        if (end && !strchr(end + 1, ':')) { /* an IPv6 address without brackets has no port */
            *end = 0;
            port = end + 1;
        }
    }
    if (!port && !default_port) {
        return false;
    }
    snprintf(out->port, sizeof(out->port), "%s", port ? port : default_port);
    if (host[0] == 0 || strlen(host) >= sizeof(out->host) || !is_port(out->port) ||
        (port && strlen(port) >= sizeof(out->port))) {
        return false;
    }
    memcpy(out->host, host, strlen(host) + 1);
    return true;
}

int dfu_link_address_find(const struct dfu_link_address *at, int socket_type, struct addrinfo **out,
                          char why[DFU_LINK_WHY_LEN])
{
    const struct addrinfo hints = { .ai_socktype = socket_type };
    int code = getaddrinfo(at->host, at->port, &hints, out);

    if (code) {
        snprintf(why, DFU_LINK_WHY_LEN, "cannot find the host %s: %s; check its name", at->host,
                 code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return DFU_ERR_NOENT;
    }
    return 0;
}

const char *dfu_link_address_hint(const struct dfu_link_address *at)
{
    bool is_of_link =
        strncasecmp(at->host, "fe80:", 5) == 0 || strncasecmp(at->host, "ff02:", 5) == 0;

    return is_of_link && !strchr(at->host, '%')
               ? "; name the interface behind the address, as in [fe80::1%eth0]"
               : "";
}
