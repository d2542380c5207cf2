/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* event_loop.h - wait for files, a time and the wish to stop, in one place.
 *
 * SIGINT and SIGTERM are only let in while the loop waits, so a handler never has to run between
 * two flash operations. */
#ifndef DFU_POSIX_EVENT_LOOP_H
#define DFU_POSIX_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "awake.h"

#define DFU_LOOP_FILES_MAX 24u

struct dfu_loop_file {
    int fd;
    void (*ready)(void *ctx); /* something to read, or room for what could not be written */
    bool wants_write;         /* set by the owner while it has something to write */
    bool ignores_input;       /* set by the owner while it doesn't want to read */
    void *ctx;
};

struct dfu_loop {
    struct dfu_loop_file *files[DFU_LOOP_FILES_MAX];
    unsigned count;
    struct dfu_awake awake;
};

/* Catch SIGINT and SIGTERM from now on; ignore SIGPIPE. */
void dfu_loop_init(struct dfu_loop *loop);

/* The file must stay where it is. False: there are too many. */
bool dfu_loop_add(struct dfu_loop *loop, struct dfu_loop_file *file);

enum dfu_loop_event { DFU_LOOP_GO_ON, DFU_LOOP_STOP };

/* Wait until a file is ready (its callback is called) or until due_ms of dfu_loop_now_ms().
 * DFU_LOOP_STOP once a signal asked for it. */
enum dfu_loop_event dfu_loop_wait(struct dfu_loop *loop, uint64_t due_ms);

/* Whether a signal asked for it, be it delivered or not. */
bool dfu_loop_is_stop_asked(void);

/* A monotonic clock, unless it is held: then it stands still but for dfu_loop_set_clock(), which
 * never turns it back. */
void dfu_loop_hold_clock(void);
void dfu_loop_set_clock(uint64_t now_ms);
uint64_t dfu_loop_now_ms(void);
uint64_t dfu_loop_now_us(void);

#endif
