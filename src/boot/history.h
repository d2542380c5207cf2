/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* history.h - where in a start entries of the history are made. Only a power cut ends a start. */
#ifndef DFU_BOOT_HISTORY_H
#define DFU_BOOT_HISTORY_H

#include "boot/strategy.h"
#include "dfu/err.h"
#include "dfu/history.h"

struct dfu_boot_history_rules {
    /* All steps are done, the last marks are not yet set. */
    int (*swapped)(const struct boot_pair *pair, enum dfu_swap_type type);
    /* An overwrite begins; is over but for the request that it obeys. */
    int (*overwrites)(const struct boot_pair *pair);
    int (*overwritten)(const struct boot_pair *pair);
    /* The secondary's image stays outside. It is still there. */
    int (*refused)(const struct boot_pair *pair, int reason, enum dfu_image_fault fault);
    /* What runs in this start. */
    int (*runs)(const struct dfu_boot_config *cfg);
};

#define HISTORY(cfg, note, ...) ((cfg)->history ? (cfg)->history->rules->note(__VA_ARGS__) : DFU_OK)

static inline int history_swapped(const struct boot_pair *pair, enum dfu_swap_type type)
{
    return HISTORY(cfg_of(pair), swapped, pair, type);
}

static inline int history_overwrites(const struct boot_pair *pair)
{
    return HISTORY(cfg_of(pair), overwrites, pair);
}

static inline int history_overwritten(const struct boot_pair *pair)
{
    return HISTORY(cfg_of(pair), overwritten, pair);
}

static inline int history_refused(const struct boot_pair *pair, int reason,
                                  enum dfu_image_fault fault)
{
    return HISTORY(cfg_of(pair), refused, pair, reason, fault);
}

static inline int history_runs(const struct dfu_boot_config *cfg)
{
    return HISTORY(cfg, runs, cfg);
}

#undef HISTORY

#endif
