/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed_map.h - the board's one map, instead of src/image/fixed_map.h. */
#ifndef DFU_MCU_IMAGE_FIXED_MAP_H
#define DFU_MCU_IMAGE_FIXED_MAP_H

#include "board_table.h"

static inline const struct dfu_slot_map *fixed_map(const struct dfu_slot_map *map)
{
    (void)map;
    return &board_map;
}

#endif
