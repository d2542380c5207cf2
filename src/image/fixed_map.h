/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed_map.h - which slots there are: those of the map that was passed; see image/fixed.h. */
#ifndef DFU_IMAGE_FIXED_MAP_H
#define DFU_IMAGE_FIXED_MAP_H

#include "dfu/slots.h"

static inline const struct dfu_slot_map *fixed_map(const struct dfu_slot_map *map)
{
    return map;
}

#endif
