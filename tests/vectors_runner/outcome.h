/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* outcome.h - what boots of ours come to.
 *
 * A boot depends on nothing but the flash, so its outcome is remembered by the flash's hash, the
 * map of programmed units included: of the 24 000 pairs most meet a state seen before. */
#ifndef VECTORS_OUTCOME_H
#define VECTORS_OUTCOME_H

#include "run.h"

struct flash_key {
    uint8_t bytes[32];
};

/* One complete boot: what it started from, what it did, what it left. */
struct outcome {
    struct flash_key from, left;
    struct our_boot boot;
    uint8_t sha8[WORLD_PLACES][8];
    uint8_t odd_sha8[8]; /* of the primary with its first records where MCUboot puts them (B12) */
    bool places_records; /* a swap in this boot copies those records from scratch */
    bool is_used;
};

struct outcomes {
    struct outcome *table;
    size_t count, cap; /* cap is a power of two */
};

struct flash_key flash_hash(const void *data, size_t len);

/* Two complete boots from our flash as it is. Copies: the table may move. */
void outcome_of_two(struct outcomes *outcomes, struct run *run, struct outcome *next,
                    struct outcome *then);
void outcomes_free(struct outcomes *outcomes);

#endif
