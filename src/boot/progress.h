/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* progress.h - where in a start progress is counted. */
#ifndef DFU_BOOT_PROGRESS_H
#define DFU_BOOT_PROGRESS_H

#include "boot/strategy.h"
#include "dfu/progress.h"

struct dfu_boot_progress_rules {
    void (*begin_swap)(const struct swap *swap);
    void (*begin_copy)(const struct boot_pair *pair, uint32_t erases, uint32_t writes);
    /* So many bytes of an area were erased, and written. */
    void (*moved)(const struct boot_pair *pair, const struct dfu_area *area, uint32_t erased,
                  uint32_t written);
    void (*end)(const struct boot_pair *pair);
};

static inline void progress_begin_swap(const struct swap *swap)
{
    if (cfg_of(swap->pair)->progress) {
        cfg_of(swap->pair)->progress->rules->begin_swap(swap);
    }
}

static inline void progress_begin_copy(const struct boot_pair *pair, uint32_t erases,
                                       uint32_t writes)
{
    if (cfg_of(pair)->progress) {
        cfg_of(pair)->progress->rules->begin_copy(pair, erases, writes);
    }
}

static inline void progress_moved(const struct boot_pair *pair, const struct dfu_area *area,
                                  uint32_t erased, uint32_t written)
{
    if (cfg_of(pair)->progress) {
        cfg_of(pair)->progress->rules->moved(pair, area, erased, written);
    }
}

static inline void progress_end(const struct boot_pair *pair)
{
    if (cfg_of(pair)->progress) {
        cfg_of(pair)->progress->rules->end(pair);
    }
}

#endif
