/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* progress.h - how far a transfer is, on standard error: a bar with speed and time left on a
 * terminal, a line each tenth where it is not one, nothing with --quiet. */
#ifndef DFU_TOOL_PROGRESS_H
#define DFU_TOOL_PROGRESS_H

#include "cli.h"

struct progress {
    const struct cli *cli;
    const char *what;
    uint32_t total;
    bool is_terminal, is_shown;
    uint32_t from; /* where this run started to count */
    uint64_t from_ms, shown_ms;
    uint32_t tenths;
};

void progress_start(struct progress *p, const struct cli *cli, const char *what, uint32_t total);
void progress_show(struct progress *p, uint64_t now_ms, uint32_t done);
void progress_end(struct progress *p);

/* "1.2 MB", "12.3 kB", "640 B". */
char *progress_bytes(uint64_t bytes, char *buf, size_t cap);

#endif
