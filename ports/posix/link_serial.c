/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Serial ports through libserialport; terminals that it does not know, because the system lists
 * them nowhere (pseudo-terminals), with termios. Bytes go through the descriptor in both cases. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include <libserialport.h>

#include "dfu/err.h"
#include "dfu/smp.h"

#define DEFAULT_BAUD   115200
#define ANSWER_MS      1000u
#define TYPICAL_CHARS  2800u /* a 2048-byte packet on the line */
#define STUCK_MS       5000  /* a line that takes nothing for so long is lost */
#define RAW_SILENCE_MS 300u  /* an unfinished raw packet is dropped after it */

struct settings {
    char path[PATH_MAX];
    int baud;
    bool is_raw;
};

static bool parse_options(char *options, struct settings *out, char why[DFU_LINK_WHY_LEN])
{
    char *rest = NULL;

    for (char *word = strtok_r(options, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *end = NULL;
        long baud = strncmp(word, "baud=", 5) == 0 ? strtol(word + 5, &end, 10) : 0;

        if (strcmp(word, "raw") == 0) {
            out->is_raw = true;
        } else if (baud > 0 && baud <= 100000000 && *end == 0) {
            out->baud = (int)baud;
        } else {
            snprintf(why, DFU_LINK_WHY_LEN,
                     "serial option %s is not known; there are baud=N and raw", word);
            return false;
        }
    }
    return true;
}

static bool parse(const char *address, struct settings *out, char why[DFU_LINK_WHY_LEN])
{
    size_t len = strcspn(address, ",");
    char options[128];

    *out = (struct settings){ .baud = DEFAULT_BAUD };
    if (len == 0 || len >= sizeof(out->path) || strlen(address + len) >= sizeof(options)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "serial:%.60s names no port; write serial:/dev/ttyACM0[,baud=N][,raw]", address);
        return false;
    }
    memcpy(out->path, address, len);
    snprintf(options, sizeof(options), "%s", address + len);
    return parse_options(options, out, why);
}

static int explain(const char *path, int code, char why[DFU_LINK_WHY_LEN])
{
    switch (code) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        snprintf(why, DFU_LINK_WHY_LEN,
                 "there is no serial port %s; plug the device in and check its name", path);
        return DFU_ERR_NOENT;
    case EACCES:
    case EPERM:
        snprintf(why, DFU_LINK_WHY_LEN,
                 "no permission to open %s; join the group that owns it (often dialout)", path);
        return DFU_ERR_PERM;
    case EBUSY:
    case EAGAIN:
        snprintf(why, DFU_LINK_WHY_LEN,
                 "%s is in use by another program; close that one (a terminal?) and try again",
                 path);
        return DFU_ERR_BUSY;
    case ENOTTY:
    case EINVAL:
        snprintf(why, DFU_LINK_WHY_LEN, "%s is not a serial port; check the name", path);
        return DFU_ERR_NOENT;
    default:
        snprintf(why, DFU_LINK_WHY_LEN, "cannot open %s: %s", path, strerror(code));
        return DFU_ERR_IO;
    }
}

static int open_terminal(struct dfu_link *link, const char *path, int baud)
{
    struct termios mode;

    link->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (link->fd < 0) {
        return errno;
    }
    if (tcgetattr(link->fd, &mode) == 0) {
        cfmakeraw(&mode);
        (void)cfsetspeed(&mode, (speed_t)baud); /* a pseudo-terminal has none */
        mode.c_cflag |= CLOCAL | CREAD;
        if (tcsetattr(link->fd, TCSANOW, &mode) == 0) {
            return flock(link->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : EBUSY;
        }
    }
    return ENOTTY;
}

static bool set_up(struct sp_port *port, int baud)
{
    return sp_set_baudrate(port, baud) == SP_OK && sp_set_bits(port, 8) == SP_OK &&
           sp_set_parity(port, SP_PARITY_NONE) == SP_OK && sp_set_stopbits(port, 1) == SP_OK &&
           sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) == SP_OK;
}

static int open_port(struct dfu_link *link, const char *path, int baud)
{
    enum sp_return code = sp_get_port_by_name(path, &link->port);
    int error;

    if (code != SP_OK) {
        return ENODEV;
    }
    errno = 0;
    code = sp_open(link->port, SP_MODE_READ_WRITE);
    error = errno;
    if (code == SP_OK && set_up(link->port, baud) &&
        sp_get_port_handle(link->port, &link->fd) == SP_OK) {
        /* libserialport's own lock only asks; this one is held against every program. */
        return flock(link->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : EBUSY;
    }
    if (code == SP_OK) {
        return EINVAL;
    }
    return error ? error : ENODEV;
}

static void serial_close(struct dfu_link *link)
{
    if (link->port) {
        sp_close(link->port);
        sp_free_port(link->port);
        link->port = NULL;
    } else if (link->fd >= 0) {
        close(link->fd);
    }
    link->fd = -1;
}

static int serial_open(struct dfu_link *link, const char *address, char why[DFU_LINK_WHY_LEN])
{
    struct settings settings;
    char resolved[PATH_MAX];
    int code;

    if (!parse(address, &settings, why)) {
        return DFU_ERR_INVAL;
    }
    if (!realpath(settings.path, resolved)) {
        return explain(settings.path, errno, why);
    }
    code = open_port(link, resolved, settings.baud);
    if (code == ENODEV) {
        serial_close(link);
        code = open_terminal(link, resolved, settings.baud);
    }
    if (code) {
        serial_close(link);
        return explain(settings.path, code, why);
    }
    link->is_raw = settings.is_raw;
    link->mtu = link->is_raw ? DFU_LINK_PACKET_MAX : DFU_SMP_SERIAL_PACKET_MAX;
    link->answer_ms = ANSWER_MS + TYPICAL_CHARS * 10u * 1000u / (uint32_t)settings.baud;
    dfu_smp_serial_decoder_init(&link->decoder, link->partial, sizeof(link->partial));
    return 0;
}

static int write_all(struct dfu_link *link, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(link->fd, data, len);
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

static int serial_send(struct dfu_link *link, const uint8_t *packet, size_t len)
{
    struct dfu_smp_serial_encoder encoder;
    uint8_t line[DFU_SMP_SERIAL_LINE_MAX];
    size_t line_len;

    if (link->is_raw) {
        return write_all(link, packet, len);
    }
    if (dfu_smp_serial_encode(&encoder, packet, len)) {
        return 0;
    }
    while ((line_len = dfu_smp_serial_next_line(&encoder, line, sizeof(line))) > 0) {
        int err = write_all(link, line, line_len);

        if (err) {
            return err;
        }
    }
    return 0;
}

static bool is_unplugged(const struct dfu_link *link)
{
    struct pollfd fd = { .fd = link->fd };

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* Nothing to read is EAGAIN, or 0 where reads wait for no byte (VMIN 0, as libserialport sets it);
 * an unplugged terminal reads 0, too. */
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

/* One byte of a raw link; boundaries come from the headers. */
static size_t feed_raw(struct dfu_link *link, uint8_t byte)
{
    size_t need = DFU_SMP_HEADER_SIZE;

    if (link->partial_len > 0 && dfu_link_now_ms() - link->partial_ms > RAW_SILENCE_MS) {
        link->partial_len = 0;
    }
    link->partial_ms = dfu_link_now_ms();
    link->partial[link->partial_len++] = byte;
    if (link->partial_len >= DFU_SMP_HEADER_SIZE) {
        struct dfu_smp_header header;

        dfu_smp_header_decode(link->partial, &header);
        need += header.length;
    }
    if (link->partial_len < need) {
        return 0;
    }
    link->partial_len = 0;
    return need;
}

static int serial_receive(struct dfu_link *link, uint8_t *packet, size_t cap)
{
    if (link->rx_pos == link->rx_len) {
        int err = fill(link);

        if (err) {
            return err;
        }
    }
    while (link->rx_pos < link->rx_len) {
        uint8_t byte = link->rx[link->rx_pos++];
        size_t len = 0;

        if (link->is_raw) {
            len = feed_raw(link, byte);
        } else if (dfu_smp_serial_feed(&link->decoder, byte) == DFU_SMP_SERIAL_PACKET) {
            len = link->decoder.len;
        }
        if (len > 0) {
            return deliver(link->partial, len, packet, cap);
        }
    }
    return 0;
}

const struct dfu_link_kind dfu_link_serial = { serial_open, serial_send, serial_receive,
                                               serial_close };
