/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_modes.h"
#include "dfu/err.h"

static void add_help(struct fit *fit, uint32_t limit, const char *what, const char *value)
{
    if (limit >= fit->size && fit->help_count < FIT_HELP_MAX) {
        snprintf(fit->helps[fit->help_count].what, sizeof fit->helps[0].what, "%s%s", what, value);
        fit->helps[fit->help_count++].limit = limit;
    }
}

/* Only they run the same image from the same place. */
static bool moves_images(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_SWAP_MOVE || mode == DFU_MODE_SWAP_OFFSET ||
           mode == DFU_MODE_SWAP_SCRATCH || mode == DFU_MODE_OVERWRITE;
}

static void try_modes(struct fit *fit, const struct dfu_slot_map *given,
                      const struct dfu_area *scratch)
{
    for (const struct boot_mode *m = boot_modes; m->name; m++) {
        struct dfu_slot_map map = *given;
        const char *why;

        if (boot_mode_of(m->mode) == m && m->mode != map.mode && moves_images(m->mode) &&
            boot_mode_apply(m, &map, scratch, &why) == 0) {
            add_help(fit, dfu_slot_max_image(&map, 0), "mode ", m->name);
        }
    }
}

/* A bootloader built for fewer sectors or a smaller alignment keeps a smaller trailer. */
static void try_builds(struct fit *fit, const struct dfu_slot_map *given)
{
    struct dfu_slot_map map = *given;
    uint32_t sectors = dfu_area_sector_count(map.images[0].primary);
    const char *why;
    char number[16];

    if (map.max_align > 8) {
        map.max_align = 8;
        if (dfu_slot_map_check(&map, &why) == DFU_OK) {
            add_help(fit, dfu_slot_max_image(&map, 0), "max-align ", "8");
        }
        map.max_align = given->max_align;
    }
    if (map.images[0].secondary && dfu_area_sector_count(map.images[0].secondary) > sectors) {
        sectors = dfu_area_sector_count(map.images[0].secondary);
    }
    if (sectors < map.max_sectors) {
        map.max_sectors = (uint16_t)sectors;
        snprintf(number, sizeof number, "%u", (unsigned)sectors);
        if (dfu_slot_map_check(&map, &why) == DFU_OK) {
            add_help(fit, dfu_slot_max_image(&map, 0), "max-sectors ", number);
        }
    }
}

struct boards {
    struct fit *fit;
    const char *but;
};

static void try_board(void *ctx, const char *name)
{
    struct boards *boards = ctx;
    struct dfu_board *board = malloc(sizeof *board);
    char why[256];

    if (board && strcmp(name, boards->but) != 0 &&
        dfu_board_load(board, name, why, sizeof why) == DFU_OK) {
        add_help(boards->fit, dfu_slot_max_image(&board->map, 0), "board ", name);
        dfu_board_free(board);
    }
    free(board);
}

void fit_measure(struct fit *fit, const struct dfu_slot_map *map, const struct dfu_area *scratch,
                 const char *board_name, uint32_t size)
{
    struct boards boards = { fit, board_name };

    *fit = (struct fit){ .size = size, .limit = dfu_slot_max_image(map, 0) };
    if (size > fit->limit) {
        try_modes(fit, map, scratch);
        try_builds(fit, map);
        if (board_name) {
            dfu_board_each(try_board, &boards);
        }
    }
}
