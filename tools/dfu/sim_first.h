/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_first.h - what a programmer does in the factory: the first images of a virtual device. */
#ifndef DFU_DFU_SIM_FIRST_H
#define DFU_DFU_SIM_FIRST_H

#include "board.h"
#include "cli.h"

/* init: files, the n-th for image n, up to the first NULL. Only where nothing is yet; flash is the
 * name of its file. An exit code. */
int sim_first_images(struct cli *cli, const struct dfu_board *board, const char *flash,
                     const char *const init[DFU_IMAGES_MAX]);

#endif
