/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fixed.h - what all areas of a program are known to have in common: nothing, here; see
 * image/fixed.h. */
#ifndef DFU_FLASH_FIXED_H
#define DFU_FLASH_FIXED_H

#include "dfu/flash.h"

/* What every sector of every area measures; 0: not known. */
static inline uint32_t fixed_sector_size(void)
{
    return 0;
}

static inline uint32_t fixed_write_size(const struct dfu_area *area)
{
    return area->write_size;
}

static inline uint8_t fixed_erased(const struct dfu_area *area)
{
    return area->erased;
}

static inline const struct dfu_flash_ops *fixed_ops(const struct dfu_area *area)
{
    return area->ops;
}

#endif
