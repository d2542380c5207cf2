/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - what all areas of the board have in common, instead of src/flash/fixed.h. */
#ifndef DFU_MCU_FLASH_FIXED_H
#define DFU_MCU_FLASH_FIXED_H

#include "board_table.h"

static inline uint32_t fixed_sector_size(void)
{
    return BOARD_SECTOR_SIZE;
}

static inline uint32_t fixed_write_size(const struct dfu_area *area)
{
    return BOARD_WRITE_SIZE ? BOARD_WRITE_SIZE : area->write_size;
}

static inline uint8_t fixed_erased(const struct dfu_area *area)
{
    return BOARD_WRITE_SIZE ? BOARD_ERASED : area->erased;
}

static inline const struct dfu_flash_ops *fixed_ops(const struct dfu_area *area)
{
#ifdef BOARD_OPS
    (void)area;
    return &BOARD_OPS;
#else
    return area->ops;
#endif
}

#endif
