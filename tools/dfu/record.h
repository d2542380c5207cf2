/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* record.h - what was said to a device and what it said, in a file of lines that is only appended
 * to:
 *   # a remark: which target, a link that was lost
 *   2026-11-21T22:40:19.123Z > 0a00000600004200a16164626869
 * time (UTC), > to the device or < from it, one SMP frame in hexadecimal. A line that was cut by a
 * crash is left out when it is read. */
#ifndef DFU_TOOL_RECORD_H
#define DFU_TOOL_RECORD_H

#include <stdio.h>

#include "cli.h"

/* Append to the file --record names, readable by its owner only. *file is NULL without that option.
 * 0 or an exit code. */
int record_open(struct cli *cli, FILE **file);
void record_frame(FILE *file, char direction, const uint8_t *frame, size_t len);
void record_remark(FILE *file, const char *text);
/* False: a line of it could not be written. */
bool record_close(FILE *file);

struct record_entry {
    uint64_t time_ms; /* since 1970 */
    char direction;
    const uint8_t *frame;
    size_t len;
};

struct record {
    struct record_entry *entries;
    size_t count;
    size_t broken;      /* lines that were left out */
    size_t broken_line; /* the first of them */
    uint8_t *data;
};

/* Read a whole file. 0 or an exit code; record_free is safe in either case. */
int record_read(struct cli *cli, const char *path, struct record *record);
void record_free(struct record *record);

/* "2026-11-21T22:40:19.123Z" */
#define RECORD_TIME_LEN 32
void record_time(uint64_t time_ms, char text[RECORD_TIME_LEN]);

#endif
