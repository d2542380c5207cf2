/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* board_fdt.h - what the two files of the board loader share. */
#ifndef DFU_POSIX_BOARD_FDT_H
#define DFU_POSIX_BOARD_FDT_H

#include "board.h"

/* A property that is one string, or NULL. */
const char *board_fdt_string(const void *fdt, int node, const char *property);

/* A node's first label, else its "label" property, else its name; never NULL. */
const char *board_fdt_label(const void *fdt, int node);

const struct dfu_area *board_area_of_node(const struct dfu_board *board, int node);

#endif
