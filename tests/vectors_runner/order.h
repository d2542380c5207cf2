/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* order.h - whether two journals do the same things in the same order.
 *
 * Chunk sizes are free: erases are compared sector by sector, writes unit by unit. A write of
 * nothing but erased bytes changes nothing and is left out on both sides, and so may be an erase of a
 * sector that is erased already. */
#ifndef RUNNER_ORDER_H
#define RUNNER_ORDER_H

#include "boot_world.h"

struct order_step {
    enum dfu_sim_op_kind kind;
    uint32_t off;        /* on the flash */
    const uint8_t *data; /* of one write unit */
};

/* A walk over a journal; zero but for the first two. */
struct order_walk {
    const struct world *world;
    const struct world_journal *journal;
    size_t op;
    uint32_t done; /* bytes of the operation */
};

/* False at the end. */
bool order_next(struct order_walk *walk, struct order_step *out);

/* Compare, with the world as ours left it; on a difference false, and why says it in words. With prefix, ours may go on. */
bool order_same(const struct world *world, const struct world_journal *right,
                const struct world_journal *ours, bool prefix, char *why, size_t why_size);

#endif
