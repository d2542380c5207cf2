/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Serial ports through libserialport; terminals that it does not know, because the system lists
 * them nowhere (pseudo-terminals), with termios. Bytes go through the descriptor in both cases. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <libserialport.h>

#include "dfu/err.h"
#include "serial_match.h"

#define DEFAULT_BAUD  115200
#define BAUD_MAX      100000000L
#define ANSWER_MS     1000u
#define TYPICAL       2048u /* bytes of a packet */
#define TYPICAL_CHARS 2800u /* as many on the line, framed for a console */

struct settings {
    char name[PATH_MAX]; /* of the port, or what it is: serial_match.h */
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
        } else if (baud > 0 && baud <= BAUD_MAX && *end == 0) {
            out->baud = (int)baud;
        } else if (strncmp(word, "baud=", 5) == 0) {
            snprintf(why, DFU_LINK_WHY_LEN,
                     "%s is no speed of a serial line; write it like baud=115200, at most %ld",
                     word, BAUD_MAX);
            return false;
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
    size_t len = dfu_serial_name_len(address);
    char options[128];

    *out = (struct settings){ .baud = DEFAULT_BAUD };
    if (len == 0 || len >= sizeof(out->name) || strlen(address + len) >= sizeof(options)) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "serial:%.60s names no port; write serial:/dev/ttyACM0[,baud=N][,raw] or "
                 "serial:VID:PID[:SERIAL]",
                 address);
        return false;
    }
    memcpy(out->name, address, len);
    snprintf(options, sizeof(options), "%s", address + len);
    return parse_options(options, out, why);
}

static int explain_denied(const char *path, char why[DFU_LINK_WHY_LEN])
{
    struct stat about;
    bool is_known = stat(path, &about) == 0, is_group_s;
    const struct group *group = is_known ? getgrgid(about.st_gid) : NULL;

    is_group_s = !is_known || (about.st_gid != 0 && (about.st_mode & 0060) == 0060);
    if (is_group_s) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "no permission to open %.200s; join the group that owns it, %s (sudo usermod -aG "
                 "%s $USER), and log in again",
                 path, group ? group->gr_name : "often dialout",
                 group ? group->gr_name : "dialout");
    } else {
        snprintf(
            why, DFU_LINK_WHY_LEN,
            "no permission to open %.200s, which is its owner's alone; give it to a group that "
            "you are in (a udev rule with GROUP=\"dialout\", MODE=\"0660\" lasts)",
            path);
    }
    return DFU_ERR_PERM;
}

static int explain(const char *path, int code, char why[DFU_LINK_WHY_LEN])
{
    char candidates[300];

    switch (code) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        dfu_serial_candidates(candidates, sizeof(candidates));
        snprintf(why, DFU_LINK_WHY_LEN,
                 "there is no serial port %.120s: plug the device in or correct its name%s", path,
                 candidates);
        return DFU_ERR_NOENT;
    case EACCES:
    case EPERM: return explain_denied(path, why);
    case EBUSY:
    case EAGAIN:
        snprintf(why, DFU_LINK_WHY_LEN,
                 "%s is in use by another program; close that one (a terminal?) and try again",
                 path);
        return DFU_ERR_BUSY;
    case ENOTTY:
    case EISDIR:
    case EINVAL:
        snprintf(why, DFU_LINK_WHY_LEN, "%s is not a serial port; check the name", path);
        return DFU_ERR_NOENT;
    default:
        snprintf(why, DFU_LINK_WHY_LEN, "cannot open %s: %s; check the name and the device", path,
                 strerror(code));
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
    char path[PATH_MAX], resolved[PATH_MAX];
    int code;

    if (!parse(address, &settings, why)) {
        return DFU_ERR_INVAL;
    }
    code = dfu_serial_find(settings.name, path, why);
    if (code) {
        return code;
    }
    if (!realpath(path, resolved)) {
        return explain(path, errno, why);
    }
    code = open_port(link, resolved, settings.baud);
    if (code == ENODEV) {
        serial_close(link);
        code = open_terminal(link, resolved, settings.baud);
    }
    if (code) {
        serial_close(link);
        return explain(path, code, why);
    }
    dfu_link_stream_init(link, settings.is_raw);
    link->answer_ms = ANSWER_MS + TYPICAL_CHARS * 10u * 1000u / (uint32_t)settings.baud;
    link->bytes_per_s = (uint32_t)settings.baud / 10u;
    if (!settings.is_raw) {
        link->bytes_per_s = (uint32_t)((uint64_t)link->bytes_per_s * TYPICAL / TYPICAL_CHARS);
    }
    return 0;
}

const struct dfu_link_kind dfu_link_serial = { serial_open, NULL, dfu_link_stream_send,
                                               dfu_link_stream_receive, serial_close };
