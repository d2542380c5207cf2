/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH  30u
#define REFRESH_MS 100u

char *progress_bytes(uint64_t bytes, char *buf, size_t cap)
{
    if (bytes < 1000) {
        snprintf(buf, cap, "%u B", (unsigned)bytes);
    } else if (bytes < 1000000) {
        snprintf(buf, cap, "%.1f kB", (double)bytes / 1e3);
    } else {
        snprintf(buf, cap, "%.2f MB", (double)bytes / 1e6);
    }
    return buf;
}

void progress_start(struct progress *p, const struct cli *cli, const char *what, uint32_t total)
{
    *p = (struct progress){
        .cli = cli, .what = what, .total = total, .is_terminal = isatty(STDERR_FILENO) != 0
    };
}

/* Speed since the first byte that was acknowledged here: an erase before it would spoil it. */
static double speed_of(const struct progress *p, uint64_t now_ms, uint32_t done)
{
    uint64_t ms = now_ms - p->from_ms;

    return ms > 0 && done > p->from ? (double)(done - p->from) * 1000.0 / (double)ms : 0;
}

/* Speed and time left, once there is something to tell them from. */
static void print_pace(double speed, uint32_t left)
{
    unsigned seconds = speed > 0 ? (unsigned)((double)left / speed + 0.5) : 0;
    char rate[24];

    if (speed > 0) {
        fprintf(stderr, "  %s/s", progress_bytes((uint64_t)speed, rate, sizeof(rate)));
    }
    if (speed > 0 && left > 0) {
        fprintf(stderr, "  %u:%02u left", seconds / 60, seconds % 60);
    }
}

static void print_bar(const struct progress *p, double speed, uint32_t done)
{
    char have[24], all[24];
    unsigned filled = (unsigned)((uint64_t)done * BAR_WIDTH / p->total);

    fprintf(stderr, "\r%s [", p->what);
    for (unsigned i = 0; i < BAR_WIDTH; i++) {
        fputc(i < filled ? '#' : '.', stderr);
    }
    fprintf(stderr, "] %3u%%  %s of %s", (unsigned)((uint64_t)done * 100 / p->total),
            progress_bytes(done, have, sizeof(have)), progress_bytes(p->total, all, sizeof(all)));
    print_pace(speed, p->total - done);
    fprintf(stderr, "\033[K");
    fflush(stderr);
}

static void print_line(const struct progress *p, double speed, uint32_t done)
{
    char have[24], all[24];

    fprintf(stderr, "%s %u%%  %s of %s", p->what, (unsigned)((uint64_t)done * 100 / p->total),
            progress_bytes(done, have, sizeof(have)), progress_bytes(p->total, all, sizeof(all)));
    print_pace(speed, p->total - done);
    fprintf(stderr, "\n");
}

void progress_show(struct progress *p, uint64_t now_ms, uint32_t done)
{
    uint32_t tenths = p->total > 0 ? (uint32_t)((uint64_t)done * 10 / p->total) : 0;

    if (p->cli->quiet || done == 0 || done > p->total) {
        return;
    }
    if (p->from_ms == 0) {
        p->from_ms = now_ms;
        p->from = done;
        p->tenths = tenths;
    }
    if (p->is_terminal && (now_ms - p->shown_ms >= REFRESH_MS || done == p->total)) {
        p->shown_ms = now_ms;
        p->is_shown = true;
        print_bar(p, speed_of(p, now_ms, done), done);
    } else if (!p->is_terminal && tenths > p->tenths) {
        p->tenths = tenths;
        print_line(p, speed_of(p, now_ms, done), done);
    }
}

void progress_end(struct progress *p)
{
    if (p->is_shown) {
        fputc('\n', stderr);
    }
    p->is_shown = false;
}
