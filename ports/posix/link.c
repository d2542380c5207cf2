/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dfu/err.h"

uint64_t dfu_link_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int dfu_link_begin(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN])
{
    static const struct {
        const char *prefix;
        const struct dfu_link_kind *kind;
    } kinds[] = { { "udp:", &dfu_link_udp },
                  { "dtls:", &dfu_link_dtls },
                  { "serial:", &dfu_link_serial },
                  { "tcp:", &dfu_link_tcp },
                  { "ble:", &dfu_link_ble } };
    int err;

    memset(link, 0, offsetof(struct dfu_link, rx)); /* buffers cost memory once they are used */
    link->fd = -1;
    dfu_awake_init(&link->awake);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].prefix);

        if (strncmp(target, kinds[i].prefix, len) == 0) {
            err = kinds[i].kind->open(link, target + len, why);
            link->kind = err ? NULL : kinds[i].kind;
            return err;
        }
    }
    if (target[0] == '/') {
        snprintf(why, DFU_LINK_WHY_LEN, "target %s lacks its kind; write serial:%s", target,
                 target);
    } else {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "target %s is none of serial:PORT[,baud=N][,raw], udp:HOST[:PORT], "
                 "dtls:HOST[:PORT], tcp:HOST:PORT[,raw], ble:NAME",
                 target);
    }
    return DFU_ERR_INVAL;
}

uint32_t dfu_link_request_max(const struct dfu_link *link, uint32_t buf_size)
{
    uint32_t room = buf_size > link->rest ? buf_size - link->rest : 0;

    return room < link->mtu ? room : link->mtu;
}

int dfu_link_go_on(struct dfu_link *link, char why[DFU_LINK_WHY_LEN])
{
    int err = link->is_opening ? link->kind->go_on(link, why) : 0;

    if (err) {
        dfu_link_close(link);
    }
    return err;
}

int dfu_link_open(struct dfu_link *link, const char *target, char why[DFU_LINK_WHY_LEN])
{
    int err = dfu_link_begin(link, target, why);

    while (!err && link->is_opening) {
        struct pollfd fd = { .fd = link->fd, .events = link->opening_events };
        uint64_t now_ms = dfu_link_now_ms();
        uint64_t left_ms = link->opening_due_ms > now_ms ? link->opening_due_ms - now_ms : 0;

        (void)poll(&fd, 1, (int)left_ms);
        err = dfu_link_go_on(link, why);
    }
    return err;
}

int dfu_link_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    if (link->is_opening) {
        return 0; /* lost */
    }
    return link->kind ? link->kind->send(link, packet, len) : DFU_ERR_IO;
}

static int receive_now(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    int len = !link->kind        ? DFU_ERR_IO
              : link->is_opening ? 0
                                 : link->kind->receive(link, packet, cap);

    if (len != 0) {
        link->is_refused = link->is_refused && len < 0;
    }
    return len;
}

static int wait_for_more(struct dfu_link *link, uint8_t *packet, size_t cap, uint32_t timeout_ms)
{
    uint64_t now_ms = dfu_link_now_ms(), end_ms = now_ms + timeout_ms;
    int len = 0;

    dfu_awake_begin(&link->awake);
    while (len == 0 && now_ms < end_ms) {
        struct pollfd fd = { .fd = link->fd, .events = POLLIN };

        if (!dfu_awake_lasts(&link->awake) && poll(&fd, 1, (int)(end_ms - now_ms)) < 0 &&
            errno != EINTR) {
            return DFU_ERR_IO;
        }
        len = receive_now(link, packet, cap);
        now_ms = dfu_link_now_ms();
    }
    dfu_awake_end(&link->awake, len > 0);
    return len;
}

int dfu_link_receive(struct dfu_link *link, uint8_t *packet, size_t cap, uint32_t timeout_ms)
{
    int len = receive_now(link, packet, cap);

    return len == 0 && timeout_ms > 0 ? wait_for_more(link, packet, cap, timeout_ms) : len;
}

void dfu_link_close(struct dfu_link *link)
{
    if (link->kind) {
        link->kind->close(link);
    }
    link->kind = NULL;
    link->fd = -1;
    link->is_opening = false;
}
