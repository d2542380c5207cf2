/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - which configuration a start runs under: the one that was passed; see image/fixed.h. */
#ifndef DFU_BOOT_FIXED_H
#define DFU_BOOT_FIXED_H

#include "dfu/boot.h"

/* How structs keep hold of it. */
struct kept_boot {
    const struct dfu_boot_config *cfg;
};

static inline struct kept_boot keep_boot(const struct dfu_boot_config *cfg)
{
    return (struct kept_boot){ cfg };
}

static inline const struct dfu_boot_config *fixed_boot(struct kept_boot kept)
{
    return kept.cfg;
}

/* Whether it may ask more of an image than to verify: always, but where all is constant. */
static inline bool fixed_has_rules(struct kept_boot kept)
{
    (void)kept;
    return true;
}

static inline enum dfu_boot_mode fixed_mode(enum dfu_boot_mode mode)
{
    return mode;
}

/* Whether no slot is known to have more sectors than the map's max_sectors. */
static inline bool fixed_sectors_fit(struct kept_boot kept)
{
    (void)kept;
    return false;
}

/* Whether somebody asks what became of an update. */
static inline bool fixed_has_reports(struct kept_boot kept)
{
    (void)kept;
    return true;
}

#endif
