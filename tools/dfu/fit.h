/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fit.h - whether an image fits, and what would make it fit: the bootloader's own rules, asked of
 * other modes, builds and boards. */
#ifndef DFU_FIT_H
#define DFU_FIT_H

#include "board.h"

#define FIT_HELP_MAX 16u

struct fit {
    uint32_t size, limit;
    struct {
        char what[96];  /* "mode overwrite" */
        uint32_t limit; /* size or more */
    } helps[FIT_HELP_MAX];
    unsigned help_count;
};

/* Whether size bytes fit image 0 of a map, and what would help if they do not. scratch is what
 * swapping by scratch would use, or NULL; board_name a board not to advise, or NULL to advise
 * none. */
void fit_measure(struct fit *fit, const struct dfu_slot_map *map, const struct dfu_area *scratch,
                 const char *board_name, uint32_t size);

#endif
