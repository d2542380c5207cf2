/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* plan.h - which devices a campaign tries, and which row of its table each belongs to. */
#ifndef POWER_PLAN_H
#define POWER_PLAN_H

#include "pool.h"
#include "story.h"

#define JOBS_MAX  12288
#define SIZES_MAX 16

enum depth { SINGLES, PAIRS };

struct job {
    struct story_spec spec;
    enum depth depth;
    size_t row;
};

struct plan {
    struct job jobs[JOBS_MAX];
    struct pool pool; /* rows and how many jobs */
    /* Of each row: which of the rest its devices have. */
    unsigned layouts[POOL_ROWS_MAX]; /* bits */
    uint32_t sizes[POOL_ROWS_MAX][SIZES_MAX][2];
    unsigned tears, pair_tears; /* ways in which an operation stops inside */
    unsigned chains;            /* random ones, a device */
    struct pool_options options;
};

void plan_make(struct plan *plan, const enum story_strategy *strategies, size_t count);

#endif
