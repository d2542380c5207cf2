/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* board_table.h - the board file as dfu_board_table wrote it. */
#ifndef DFU_MCU_BOARD_TABLE_H
#define DFU_MCU_BOARD_TABLE_H

#include "dfu/slots.h"

extern const struct dfu_slot_map board_map;

/* Where the processor sees the area's first byte. */
uint32_t board_address(const struct dfu_area *area);

#endif
