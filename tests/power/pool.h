/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* pool.h - the jobs of a campaign on two processes, and the table of what they found.
 *
 *   power-NAME                    everything
 *   power-NAME --only 'every pair'     the rows of the table whose name has this in it
 *   power-NAME --chains N [--seed S]   that many random chains only
 *   power-NAME --full             the larger product, for an hour of two cores
 *   power-NAME --table            the table as Markdown, as docs/TESTING.md has it
 *   power-NAME --replay 'SPEC'    one path, told step by step (where failures print one) */
#ifndef POWER_POOL_H
#define POWER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_ROWS_MAX 256

/* What is the same for all devices of a row; and what was found. */
struct pool_row {
    char strategy[20], what[24], encryption[24], sectors[48];
    uint8_t write_size, erased, images;
    unsigned size_pairs;
    struct pool_found {
        unsigned cases;
        uint64_t cuts, runs, boots, failures;
        double seconds; /* of one processor */
    } found;
};

struct pool_options {
    bool is_full, as_table;
    const char *only, *replay; /* or NULL */
    bool only_chains;
    unsigned chains; /* random ones, a device; 0: the campaign's own number */
    uint64_t seed;
};

struct pool {
    struct pool_row rows[POOL_ROWS_MAX];
    size_t row_count, job_count;
    /* Adds what it found to rows[...].found; called in another process. */
    void (*run)(size_t job, struct pool_row *rows, void *ctx);
    void *ctx;
};

/* False: said what is wrong with them. */
bool pool_options_read(int argc, char **argv, struct pool_options *options);

/* "move           every cut       4  ff  none": what --only looks in. Returns out. */
char *pool_row_name(const struct pool_row *row, char *out, size_t size);

bool pool_wants(const struct pool_options *options, const struct pool_row *row);

/* The row's number; ends the program where there are too many. */
size_t pool_add_row(struct pool *pool, const struct pool_row *row);

/* Runs all jobs, prints the table; the exit code. */
int pool_run(struct pool *pool, const struct pool_options *options);

double pool_cpu_seconds(void);

#endif
