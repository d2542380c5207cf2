/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* server_pty.h - SMP on a serial line, the device's side: a pseudo terminal under a name of the
 * user's choice, with packets as base64 lines between whatever else is printed, or raw.
 *
 * Like a UART it neither waits nor remembers: what nobody reads is lost once the buffers are
 * full, a line at a time, so that the lines that arrive are whole. */
#ifndef DFU_POSIX_SERVER_PTY_H
#define DFU_POSIX_SERVER_PTY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "event_loop.h"
#include "framing.h"

#define DFU_SERVER_PTY_PACKET_MAX 4096u

struct dfu_server_pty {
    void (*packet)(void *ctx, const uint8_t *packet, size_t len);
    /* A byte that is of no packet has come: whether the line shows it. NULL: it doesn't. */
    bool (*echoes)(void *ctx);
    void *ctx;
    uint32_t baud; /* keep to the pace of this line, 10 bits a byte; 0: as fast as it goes */
    bool is_raw;   /* packets back to back, no console framing; print nothing then */

    /* the server's own */
    struct dfu_loop_file file;
    int terminal; /* held open, so that the line never hangs up between two clients */
    char link[PATH_MAX];
    char name[64];
    struct dfu_framing framing;
    struct dfu_server_pty_way {
        uint64_t busy_us; /* the line is occupied until then */
        bool is_idle;     /* nothing was waiting for it when it was free last */
    } in_way, out_way;
    size_t out_len;
    uint8_t out[16384];
    uint8_t in[DFU_SERVER_PTY_PACKET_MAX + DFU_SMP_SERIAL_CRC_SIZE];
};

/* Open a pseudo terminal, let link point to it and join the loop. A link left over from an
 * earlier run is replaced; one to a line that is still served is not (-EBUSY), nor is anything else
 * of that name (-EEXIST). 0 or -errno. */
int dfu_server_pty_open(struct dfu_server_pty *server, struct dfu_loop *loop, const char *link);

void dfu_server_pty_send(struct dfu_server_pty *server, const uint8_t *packet, size_t len);

/* A line of console text. */
void dfu_server_pty_print(struct dfu_server_pty *server, const char *text);

/* Keep the pace: call when due_ms has come (UINT64_MAX: never). */
uint64_t dfu_server_pty_due_ms(const struct dfu_server_pty *server);
void dfu_server_pty_poll(struct dfu_server_pty *server);

/* Close, and remove the link if it still points here. */
void dfu_server_pty_close(struct dfu_server_pty *server);

#endif
