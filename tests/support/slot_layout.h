/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* slot_layout.h - slots of which only the geometry counts: none has flash, each operation fails. */
#ifndef TEST_SLOT_LAYOUT_H
#define TEST_SLOT_LAYOUT_H

#include "dfu/slots.h"

#define SLOT_LAYOUT_RUNS 8

struct slot_layout {
    struct dfu_slot_map map;
    struct dfu_area pri, sec, scr;
    struct dfu_sector_run runs[3][SLOT_LAYOUT_RUNS];
};

/* Two slots of equal sectors, and a scratch area of one, all on one device. */
struct slot_layout *slot_layout_uniform(struct slot_layout *out, enum dfu_boot_mode mode,
                                        uint32_t sector, uint32_t primary_count,
                                        uint32_t secondary_count);

#endif
