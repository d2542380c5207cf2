/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What serial ports and TCP connections have in common: packets framed in a stream of bytes. */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dfu/err.h"

#define STUCK_MS 5000 /* a line that takes nothing for so long is lost */

void dfu_link_stream_init(struct dfu_link *link, bool is_raw)
{
    link->is_line = true;
    link->mtu = is_raw ? DFU_LINK_PACKET_MAX : DFU_SMP_SERIAL_PACKET_MAX;
    link->rest = is_raw ? 0 : DFU_SMP_SERIAL_REST;
    link->rx_pos = 0;
    link->rx_len = 0;
    dfu_framing_init(&link->framing, is_raw, link->partial, sizeof(link->partial));
}

static int write_all(void *ctx, const uint8_t *data, size_t len)
{
    const struct dfu_link *link = ctx;

    while (len > 0) {
        ssize_t written =
            link->is_socket ? send(link->fd, data, len, MSG_NOSIGNAL) : write(link->fd, data, len);
        struct pollfd fd = { .fd = link->fd, .events = POLLOUT };

        if (written > 0) {
            data += written;
            len -= (size_t)written;
        } else if (written < 0 && errno == EINTR) {
            continue;
        } else if ((written < 0 && errno != EAGAIN) || poll(&fd, 1, STUCK_MS) == 0) {
            return DFU_ERR_IO;
        }
    }
    return 0;
}

int dfu_link_stream_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    return dfu_framing_send(&link->framing, packet, len, write_all, link);
}

static bool is_unplugged(const struct dfu_link *link)
{
    struct pollfd fd = { .fd = link->fd, .events = POLLRDHUP };

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL));
}

/* Nothing to read is EAGAIN, or 0 where reads wait for no byte (VMIN 0, as libserialport sets it);
 * an unplugged terminal and a closed connection read 0, too. */
static int fill(struct dfu_link *link)
{
    ssize_t len = read(link->fd, link->rx, sizeof(link->rx));

    link->rx_pos = 0;
    link->rx_len = len > 0 ? (size_t)len : 0;
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : DFU_ERR_IO;
    }
    return len == 0 && is_unplugged(link) ? DFU_ERR_IO : 0;
}

static int deliver(const uint8_t *data, size_t len, uint8_t *packet, size_t cap)
{
    if (len > cap) {
        return 0;
    }
    memcpy(packet, data, len);
    return (int)len;
}

int dfu_link_stream_receive(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    uint64_t now_ms = dfu_link_now_ms();

    if (link->rx_pos == link->rx_len) {
        int err = fill(link);

        if (err) {
            return err;
        }
    }
    while (link->rx_pos < link->rx_len) {
        size_t len = dfu_framing_feed(&link->framing, link->rx[link->rx_pos++], now_ms);

        if (len > 0) {
            return deliver(link->partial, len, packet, cap);
        }
    }
    return 0;
}
