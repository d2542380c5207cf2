/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* flash_file.h - a file as the flash of a board: simulated NOR in a shared mapping, so that the
 * file is the truth at every moment, also after kill -9. A board with several flash devices has
 * them one after the other in one file. One process at a time. */
#ifndef DFU_POSIX_FLASH_FILE_H
#define DFU_POSIX_FLASH_FILE_H

#include <stdint.h>

#include "board.h"
#include "dfu/sim_flash.h"

struct dfu_flash_file {
    struct dfu_sim_flash flash[DFU_BOARD_FLASHES_MAX];
    uint8_t flash_count;
    uint8_t *mem;
    size_t size;
    uint8_t *programmed;
    uint32_t *wear;
    int fd;
    bool is_new; /* it was not there before */
};

/* Open, or create erased, and attach to the areas of the board; both must then stay where they
 * are. why holds a sentence on an error: DFU_ERR_BUSY (another process has it), DFU_ERR_FORMAT
 * (its size is not this board's), DFU_ERR_NOSPACE, DFU_ERR_IO. */
int dfu_flash_file_open(struct dfu_flash_file *file, const char *path, struct dfu_board *board,
                        char *why, size_t cap);

void dfu_flash_file_close(struct dfu_flash_file *file);

#endif
