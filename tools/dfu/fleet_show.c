/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A screen of many devices: results stay, one line after the other; below them, on a terminal, a
 * line for each that runs, as many as fit, and one line for all. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fleet.h"
#include "progress.h"

#define BAR_WIDTH    20u
#define REFRESH_MS   100u
#define PLAIN_MS     30000u
#define ROWS_DEFAULT 24u
#define NAME_WIDTH   32

static unsigned rows(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row
                                                                           : ROWS_DEFAULT;
}

void fleet_show_start(struct fleet_show *show, const struct cli *cli,
                      const struct fleet_order *order, const struct fleet_targets *targets)
{
    *show = (struct fleet_show){ .cli = cli,
                                 .order = order,
                                 .targets = targets,
                                 .is_terminal = isatty(STDERR_FILENO) != 0,
                                 .start_ms = dfu_link_now_ms() };
}

/* What moves goes away, so that what stays can be printed. */
static void wipe(struct fleet_show *show)
{
    if (show->lines > 0) {
        fprintf(stderr, "\033[%uA\r\033[J", show->lines);
    }
    show->lines = 0;
}

static void print_member(const struct fleet_show *show, const struct fleet_member *m)
{
    struct fleet_progress p = { 0 };
    char have[24], all[24];

    fleet_member_progress(show->order, m, &p);
    fprintf(stderr, "%-*.*s  %-10s", NAME_WIDTH, NAME_WIDTH, m->name, p.step);
    if (p.total > 0) {
        unsigned filled = (unsigned)((uint64_t)p.done * BAR_WIDTH / p.total);

        fprintf(stderr, " [");
        for (unsigned i = 0; i < BAR_WIDTH; i++) {
            fputc(i < filled ? '#' : '.', stderr);
        }
        fprintf(stderr, "] %3u%%  %s of %s", (unsigned)((uint64_t)p.done * 100 / p.total),
                progress_bytes(p.done, have, sizeof(have)),
                progress_bytes(p.total, all, sizeof(all)));
    }
    fprintf(stderr, "\033[K\n");
}

static void print_counts(const struct fleet_show *show, const size_t counts[FLEET_STATES],
                         bool is_paused, uint64_t now_ms)
{
    unsigned seconds = (unsigned)((now_ms - show->start_ms) / 1000);

    fprintf(stderr, "%zu of %zu done, %zu failed, %zu running, %zu waiting%s  %u:%02u",
            counts[FLEET_DONE] + counts[FLEET_SKIPPED], show->targets->count,
            counts[FLEET_FAILED] + counts[FLEET_ABORTED], counts[FLEET_RUNNING],
            counts[FLEET_WAITING], is_paused ? " (paused)" : "", seconds / 60, seconds % 60);
}

static void print_screen(struct fleet_show *show, const size_t counts[FLEET_STATES], bool is_paused,
                         uint64_t now_ms)
{
    unsigned room = rows() - 3, shown = 0;

    wipe(show);
    for (size_t i = 0; i < show->targets->count && shown < room; i++) {
        if (show->targets->members[i].state == FLEET_RUNNING) {
            print_member(show, &show->targets->members[i]);
            shown++;
        }
    }
    if (counts[FLEET_RUNNING] > shown) {
        fprintf(stderr, "and %zu more\033[K\n", counts[FLEET_RUNNING] - shown);
        shown++;
    }
    print_counts(show, counts, is_paused, now_ms);
    fprintf(stderr, "\033[K\n");
    fflush(stderr);
    show->lines = shown + 1;
}

/* A line each tenth, and now and then where tenths take long. */
static void print_plain(struct fleet_show *show, const size_t counts[FLEET_STATES], bool is_paused,
                        uint64_t now_ms)
{
    size_t over = show->targets->count - counts[FLEET_RUNNING] - counts[FLEET_WAITING];
    unsigned tenths = (unsigned)(over * 10 / show->targets->count);

    if (tenths > show->tenths || now_ms - show->shown_ms >= PLAIN_MS) {
        show->tenths = tenths;
        show->shown_ms = now_ms;
        print_counts(show, counts, is_paused, now_ms);
        fputc('\n', stderr);
    }
}

void fleet_show_progress(struct fleet_show *show, const size_t counts[FLEET_STATES], bool is_paused,
                         uint64_t now_ms)
{
    if (show->cli->quiet) {
        return;
    }
    if (show->shown_ms == 0) {
        show->shown_ms = now_ms;
    }
    if (!show->is_terminal) {
        print_plain(show, counts, is_paused, now_ms);
    } else if (now_ms - show->shown_ms >= REFRESH_MS) {
        show->shown_ms = now_ms;
        print_screen(show, counts, is_paused, now_ms);
    }
}

void fleet_show_result(struct fleet_show *show, const struct fleet_member *member,
                       const char *sentence, double seconds)
{
    wipe(show);
    if (show->cli->json) {
        return;
    }
    if (member->state == FLEET_DONE) {
        printf("%s: %s (%.1f s)\n", member->name, sentence, seconds);
        fflush(stdout);
    } else {
        fprintf(stderr, "dfu: %s: %s\n", member->name, sentence);
    }
}

void fleet_show_note(struct fleet_show *show, const char *sentence)
{
    wipe(show);
    cli_note(show->cli, "%s", sentence);
}

void fleet_show_end(struct fleet_show *show, const size_t counts[FLEET_STATES])
{
    static const char *const words[FLEET_STATES] = { "not started", "running", "done",
                                                     "failed",      "aborted", "done before" };
    static const enum fleet_state order[] = { FLEET_DONE, FLEET_SKIPPED, FLEET_FAILED,
                                              FLEET_ABORTED, FLEET_WAITING };

    wipe(show);
    if (show->cli->json) {
        return;
    }
    printf("%zu device%s:", show->targets->count, show->targets->count == 1 ? "" : "s");
    for (size_t i = 0, said = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (counts[order[i]] > 0) {
            printf("%s %zu %s", said++ ? "," : "", counts[order[i]], words[order[i]]);
        }
    }
    printf("; %.1f s\n", (double)(dfu_link_now_ms() - show->start_ms) / 1000.0);
}
