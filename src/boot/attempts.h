/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* attempts.h - starts of an image on trial. */
#ifndef DFU_BOOT_ATTEMPTS_H
#define DFU_BOOT_ATTEMPTS_H

#include "boot/decide.h"
#include "dfu/attempts.h"
#include "dfu/boot.h"

struct dfu_boot_attempts_rules {
    /* Whether images are on trial and have a start left; with takes, this is it. Where it cannot
     * be counted there is none left. */
    bool (*has_left)(const struct dfu_boot_config *cfg, bool takes);
    /* A trial begins. */
    int (*forget)(const struct dfu_boot_config *cfg);
};

static inline bool attempts_has_left(const struct dfu_boot_config *cfg, bool takes)
{
    return cfg->attempts && cfg->attempts->rules->has_left(cfg, takes);
}

static inline int attempts_forget(const struct dfu_boot_config *cfg)
{
    return cfg->attempts ? cfg->attempts->rules->forget(cfg) : 0;
}

/* A revert that waits, because there is a start left. */
static inline struct boot_decision attempts_apply(struct boot_decision decision, bool has_left)
{
    static const struct boot_decision wait = { BOOT_KEEP, DFU_SWAP_NONE, false,
                                               DFU_BOOT_WHY_ATTEMPTS };

    return has_left && decision.why == DFU_BOOT_WHY_TABLE && decision.type == DFU_SWAP_REVERT
               ? wait
               : decision;
}

#endif
