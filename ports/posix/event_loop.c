/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "event_loop.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

/* The one thing a signal handler may touch. */
static volatile sig_atomic_t is_stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    is_stop_asked = 1;
}

static struct {
    bool is_held;
    uint64_t now_us;
} held;

void dfu_loop_hold_clock(void)
{
    held.now_us = dfu_loop_now_us();
    held.is_held = true;
}

void dfu_loop_set_clock(uint64_t now_ms)
{
    held.now_us = now_ms * 1000u > held.now_us ? now_ms * 1000u : held.now_us;
}

uint64_t dfu_loop_now_us(void)
{
    struct timespec now;

    if (held.is_held) {
        return held.now_us;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t dfu_loop_now_ms(void)
{
    return dfu_loop_now_us() / 1000u;
}

void dfu_loop_init(struct dfu_loop *loop)
{
    struct sigaction action = { .sa_handler = ask_to_stop };
    sigset_t stop_signals;

    *loop = (struct dfu_loop){ .count = 0 };
    dfu_awake_init(&loop->awake);
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGINT);
    sigaddset(&stop_signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop_signals, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

/* A wait that finds a file ready lets no signal in: one that is pending counts as well. */
bool dfu_loop_is_stop_asked(void)
{
    sigset_t pending;

    return is_stop_asked || (sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 ||
                                                           sigismember(&pending, SIGTERM) == 1));
}

bool dfu_loop_add(struct dfu_loop *loop, struct dfu_loop_file *file)
{
    if (loop->count == DFU_LOOP_FILES_MAX) {
        return false;
    }
    loop->files[loop->count++] = file;
    return true;
}

/* NULL: no end. */
static const struct timespec *time_until(uint64_t due_ms, struct timespec *out)
{
    uint64_t now = dfu_loop_now_ms();
    uint64_t left = due_ms > now ? due_ms - now : 0;

    if (due_ms == UINT64_MAX || (held.is_held && left > 0)) {
        return NULL;
    }
    out->tv_sec = (time_t)(left / 1000u);
    out->tv_nsec = (long)(left % 1000u) * 1000000L;
    return out;
}

static int wait_for(struct dfu_loop *loop, struct pollfd *fds, uint64_t due_ms)
{
    static const struct timespec no_time = { 0 };
    struct timespec left;
    sigset_t none;
    int ready = 0;

    sigemptyset(&none); /* awake, too, or who is never idle could not be stopped */
    dfu_awake_begin(&loop->awake);
    while (ready == 0 && dfu_awake_lasts(&loop->awake)) {
        ready = ppoll(fds, loop->count, &no_time, &none);
    }
    if (ready == 0) {
        ready = ppoll(fds, loop->count, time_until(due_ms, &left), &none);
    }
    dfu_awake_end(&loop->awake, ready > 0);
    return ready;
}

enum dfu_loop_event dfu_loop_wait(struct dfu_loop *loop, uint64_t due_ms)
{
    struct pollfd fds[DFU_LOOP_FILES_MAX] = { 0 };

    for (unsigned i = 0; i < loop->count; i++) {
        fds[i].events = (short)((loop->files[i]->ignores_input ? 0 : POLLIN) |
                                (loop->files[i]->wants_write ? POLLOUT : 0));
        /* Else the end of what nobody reads now would be told again and again. */
        fds[i].fd = fds[i].events ? loop->files[i]->fd : -1;
    }
    if (wait_for(loop, fds, due_ms) > 0) {
        for (unsigned i = 0; i < loop->count; i++) {
            if (fds[i].revents) {
                loop->files[i]->ready(loop->files[i]->ctx);
            }
        }
    }
    return dfu_loop_is_stop_asked() ? DFU_LOOP_STOP : DFU_LOOP_GO_ON;
}
