/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* report.h - counts and sentences of the runner. */
#ifndef RUNNER_REPORT_H
#define RUNNER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tally {
    unsigned cases, boots, cuts, pairs, differences, failed_cases, rows;
    unsigned fewer_pairs, more_pairs; /* than MCUboot has, as our second boots take fewer or more
                                         operations */
};

/* Where in a case we are; -1 where it does not matter. */
struct spot {
    const char *id;
    int step, cut, second_cut;
    const char *boot; /* "next", "then" after a cut, else NULL */
};

struct report {
    struct tally *tally;
    FILE *out;
    const char *rerun; /* program and folder, to print how to run one case again */
    unsigned shown;    /* differences printed for the current case */
    bool is_verbose;
};

/* Count a difference and explain it; only the first few of a case are printed. */
void report_differ(struct report *report, const struct spot *spot, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The recordings or the runner are broken: say so and end, with exit code 2. */
void report_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* 64 hex digits and a NUL. */
void report_sha256(const void *data, size_t len, char out[65]);

#endif
