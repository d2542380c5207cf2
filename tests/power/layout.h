/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* layout.h - the sectors of two slots, equal or not. */
#ifndef POWER_LAYOUT_H
#define POWER_LAYOUT_H

#include "boot_world.h"

/* Where n sectors of size s are an equal slot. */
enum layout {
    LAYOUT_EQUAL,    /* n of s in both */
    LAYOUT_MIXED,    /* larger ones first, the same in both */
    LAYOUT_COARSE,   /* 2s in the secondary: a border of the primary is none there */
    LAYOUT_FINE,     /* 2s in the primary */
    LAYOUT_CROSSING, /* first the primary's are smaller, then the secondary's */
    LAYOUT_SMALLER,  /* a quarter less in the secondary: only where updates are compressed */
    LAYOUTS
};

const char *layout_name(enum layout layout);

/* "equal, mixed": those with their bit (1 << layout) set. Returns out. */
char *layout_names(unsigned set, char *out, size_t size);

/* So many sectors of a size more at the end of an area. */
void layout_add(struct world_area_spec *area, uint32_t size, uint32_t count);

/* A whole slot; but for equal ones count is a multiple of 4. */
void layout_slot(struct world_area_spec *area, enum layout layout, bool is_primary, uint32_t size,
                 uint32_t count);

#endif
