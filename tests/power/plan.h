/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* plan.h - which devices a campaign tries, and which row of its table each belongs to. */
#ifndef POWER_PLAN_H
#define POWER_PLAN_H

#include "story.h"

#define ROWS_MAX  128
#define JOBS_MAX  8192
#define SIZES_MAX 16

enum depth { SINGLES, PAIRS };

struct job {
    struct story_spec spec;
    enum depth depth;
    size_t row;
};

/* What is the same for all devices of a row, and which of the rest it has. */
struct plan_row {
    enum story_strategy strategy;
    const char *what;
    uint8_t write_size, erased;
    char encryption[24];
    bool has_geometry[GEOMETRIES];
    uint32_t sizes[SIZES_MAX][2];
    unsigned size_count;
};

struct plan {
    struct job jobs[JOBS_MAX];
    struct plan_row rows[ROWS_MAX];
    size_t job_count, row_count;
    unsigned tears, pair_tears; /* ways in which an operation stops inside */
    unsigned chains;            /* random ones, a device */
    uint64_t seed;
    bool is_full;     /* the larger product */
    bool only_chains; /* nothing but those */
    const char *only; /* rows whose name has this in it; or NULL */
};

void plan_make(struct plan *plan, const enum story_strategy *strategies, size_t count);

/* "move           every cut       4  ff  -": what --only looks in. Returns out. */
char *plan_row_name(const struct plan_row *row, char *out, size_t size);

#endif
