/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "server_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK       64u /* bytes moved at one go on a paced line */
#define AT_ONE_GO   16384u
#define BITS_A_BYTE 10u    /* start, eight, stop */
#define CATCH_UP_US 20000u /* how far behind the pace a late wake-up may be made good */

static uint64_t time_on_line_us(const struct dfu_server_pty *server, size_t bytes)
{
    return server->baud ? (uint64_t)bytes * BITS_A_BYTE * 1000000u / server->baud : 0;
}

/* The line was free at busy_us; just now, if that is long ago or there was nothing to carry: what a
 * sender lets pass is lost, what a late wake-up lets pass is made good. */
static void occupy(const struct dfu_server_pty *server, struct dfu_server_pty_way *way,
                   size_t bytes)
{
    uint64_t now = dfu_loop_now_us();

    if (way->is_idle || way->busy_us + CATCH_UP_US < now) {
        way->busy_us = now;
    }
    way->is_idle = false;
    way->busy_us += time_on_line_us(server, bytes);
}

static bool is_busy(const struct dfu_server_pty *server, const struct dfu_server_pty_way *way)
{
    return server->baud && way->busy_us > dfu_loop_now_us();
}

static void write_some(struct dfu_server_pty *server)
{
    size_t want = server->baud && server->out_len > CHUNK ? CHUNK : server->out_len;
    ssize_t done;

    if (is_busy(server, &server->out_way)) {
        return;
    }
    if (want == 0) {
        server->out_way.is_idle = true;
        return;
    }
    done = write(server->file.fd, server->out, want);
    if (done > 0) {
        occupy(server, &server->out_way, (size_t)done);
        server->out_len -= (size_t)done;
        memmove(server->out, server->out + done, server->out_len);
    }
}

static int queue(void *ctx, const uint8_t *data, size_t len)
{
    struct dfu_server_pty *server = ctx;

    memcpy(server->out + server->out_len, data, len);
    server->out_len += len;
    return 0;
}

static bool has_room(const struct dfu_server_pty *server, size_t len)
{
    return len <= sizeof server->out - server->out_len;
}

static void take_byte(struct dfu_server_pty *server, uint8_t byte)
{
    size_t packet = dfu_framing_feed(&server->framing, byte, dfu_loop_now_ms());

    if (packet > 0) {
        server->packet(server->ctx, server->in, packet);
    } else if (server->framing.was_text && server->echoes && server->echoes(server->ctx) &&
               has_room(server, 1)) {
        (void)queue(server, &byte, 1);
    }
}

static void read_some(struct dfu_server_pty *server)
{
    uint8_t bytes[1024];
    size_t taken = 0;

    while (taken < AT_ONE_GO && !is_busy(server, &server->in_way)) {
        ssize_t len = read(server->file.fd, bytes, server->baud ? CHUNK : sizeof bytes);

        if (len <= 0) {
            server->in_way.is_idle = true;
            return;
        }
        occupy(server, &server->in_way, (size_t)len);
        taken += (size_t)len;
        for (ssize_t i = 0; i < len; i++) {
            take_byte(server, bytes[i]);
        }
    }
}

/* What the loop is to wait for follows from what there is to do and from the pace. */
static void set_wishes(struct dfu_server_pty *server)
{
    server->file.ignores_input = is_busy(server, &server->in_way);
    server->file.wants_write = server->out_len > 0 && !is_busy(server, &server->out_way);
}

static void move_bytes(void *ctx)
{
    struct dfu_server_pty *server = ctx;

    read_some(server);
    write_some(server);
    set_wishes(server);
}

/* ---- The terminal and its name ---- */

/* Who serves a terminal holds a lock on it. Not flock's: that is for those who use the line. */
static struct flock whole(void)
{
    return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static bool is_served(const char *link)
{
    struct flock lock = whole();
    int fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool is_locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    if (fd >= 0) {
        close(fd);
    }
    return is_locked;
}

static int open_terminal(struct dfu_server_pty *server)
{
    struct termios raw;
    struct flock lock = whole();
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    server->terminal = -1;
    if (!grantpt(fd) && !unlockpt(fd) && !ptsname_r(fd, server->name, sizeof server->name)) {
        server->terminal = open(server->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (server->terminal < 0 || tcgetattr(server->terminal, &raw)) {
        int err = errno;

        close(fd);
        return -err;
    }
    (void)fcntl(server->terminal, F_OFD_SETLK, &lock);
    cfmakeraw(&raw);
    tcsetattr(server->terminal, TCSANOW, &raw);
    return fd;
}

/* Ours to replace: nothing, a link that leads nowhere, or one to a pseudo terminal. */
static bool is_replaceable(const char *path)
{
    static const char terminals[] = "/dev/pts/";
    char target[PATH_MAX];
    struct stat about;
    ssize_t len;

    if (lstat(path, &about)) {
        return errno == ENOENT;
    }
    len = S_ISLNK(about.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
    if (len < 0) {
        return false;
    }
    target[len] = '\0';
    return strncmp(target, terminals, sizeof terminals - 1) == 0 || stat(path, &about) != 0;
}

/* A link appears at once under its final name, never half made. */
static int make_link(const struct dfu_server_pty *server)
{
    char fresh[PATH_MAX];
    int len = snprintf(fresh, sizeof fresh, "%s.%ld", server->link, (long)getpid());

    if (len < 0 || (size_t)len >= sizeof fresh) {
        return -ENAMETOOLONG;
    }
    if (!is_replaceable(server->link)) {
        return -EEXIST;
    }
    if (is_served(server->link)) {
        return -EBUSY;
    }
    unlink(fresh);
    if (symlink(server->name, fresh)) {
        return -errno;
    }
    if (rename(fresh, server->link)) {
        int err = errno;

        unlink(fresh);
        return -err;
    }
    return 0;
}

int dfu_server_pty_open(struct dfu_server_pty *server, struct dfu_loop *loop, const char *link)
{
    int fd;
    int err;

    if (strlen(link) >= sizeof server->link) {
        return -ENAMETOOLONG;
    }
    memcpy(server->link, link, strlen(link) + 1);
    fd = open_terminal(server);
    if (fd < 0) {
        return fd;
    }
    err = make_link(server);
    if (err) {
        close(server->terminal);
        close(fd);
        return err;
    }
    server->in_way = (struct dfu_server_pty_way){ .is_idle = true };
    server->out_way = server->in_way;
    server->out_len = 0;
    dfu_framing_init(&server->framing, server->is_raw, server->in, sizeof server->in);
    server->file = (struct dfu_loop_file){ .fd = fd, .ready = move_bytes, .ctx = server };
    return dfu_loop_add(loop, &server->file) ? 0 : -EMFILE;
}

void dfu_server_pty_send(struct dfu_server_pty *server, const uint8_t *packet, size_t len)
{
    /* Base64 and markers stay below twice the bytes for all but the tiniest packets. */
    if (!has_room(server, len * 2 + 32)) {
        return;
    }
    (void)dfu_framing_send(&server->framing, packet, len, queue, server);
    write_some(server);
    set_wishes(server);
}

void dfu_server_pty_print(struct dfu_server_pty *server, const char *text)
{
    size_t len = strlen(text);

    if (has_room(server, len + 2)) {
        (void)queue(server, (const uint8_t *)text, len);
        (void)queue(server, (const uint8_t *)"\r\n", 2);
    }
    write_some(server);
    set_wishes(server);
}

/* By what the loop was told to leave alone: a line that has become free since then is due at once. */
uint64_t dfu_server_pty_due_ms(const struct dfu_server_pty *server)
{
    uint64_t due = UINT64_MAX;

    if (server->file.ignores_input) {
        due = server->in_way.busy_us;
    }
    if (server->out_len > 0 && !server->file.wants_write && server->out_way.busy_us < due) {
        due = server->out_way.busy_us;
    }
    return due == UINT64_MAX ? due : due / 1000u + 1;
}

void dfu_server_pty_poll(struct dfu_server_pty *server)
{
    if (server->baud > 0) {
        move_bytes(server);
    }
}

void dfu_server_pty_close(struct dfu_server_pty *server)
{
    char target[sizeof server->name];
    ssize_t len = readlink(server->link, target, sizeof target);

    if (len > 0 && (size_t)len == strlen(server->name) &&
        memcmp(target, server->name, (size_t)len) == 0) {
        unlink(server->link);
    }
    close(server->terminal);
    close(server->file.fd);
}
