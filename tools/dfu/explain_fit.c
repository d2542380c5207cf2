/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whether an image fits, and what would make it fit: the same rules as the bootloader's, asked of
 * other modes, builds and boards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "explain.h"

static void add_help(struct explain_fit *fit, uint32_t limit, const char *what, const char *value)
{
    if (limit >= fit->size && fit->help_count < EXPLAIN_HELP_MAX) {
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

static void try_modes(struct explain *e)
{
    const struct dfu_area *scratch = dfu_board_area(e->board, "scratch_partition");

    for (const struct boot_mode *m = boot_modes; m->name; m++) {
        struct dfu_slot_map map = e->board->map;
        const char *why;

        if (m->mode != map.mode && moves_images(m->mode) &&
            boot_mode_apply(m, &map, scratch, &why) == 0) {
            add_help(&e->fit, dfu_slot_max_image(&map, 0), "mode ", m->name);
        }
    }
}

/* A bootloader built for fewer sectors or a smaller alignment keeps a smaller trailer. */
static void try_builds(struct explain *e)
{
    struct dfu_slot_map map = e->board->map;
    uint32_t sectors = dfu_area_sector_count(map.images[0].primary);
    const char *why;
    char number[16];

    if (map.max_align > 8) {
        map.max_align = 8;
        if (dfu_slot_map_check(&map, &why) == DFU_OK) {
            add_help(&e->fit, dfu_slot_max_image(&map, 0), "max-align ", "8");
        }
        map.max_align = e->board->map.max_align;
    }
    if (map.images[0].secondary && dfu_area_sector_count(map.images[0].secondary) > sectors) {
        sectors = dfu_area_sector_count(map.images[0].secondary);
    }
    if (sectors < map.max_sectors) {
        map.max_sectors = (uint16_t)sectors;
        snprintf(number, sizeof number, "%u", (unsigned)sectors);
        if (dfu_slot_map_check(&map, &why) == DFU_OK) {
            add_help(&e->fit, dfu_slot_max_image(&map, 0), "max-sectors ", number);
        }
    }
}

static void try_board(void *ctx, const char *name)
{
    struct explain *e = ctx;
    struct dfu_board *board = malloc(sizeof *board);
    char why[256];

    if (board && strcmp(name, e->board->name) != 0 &&
        dfu_board_load(board, name, why, sizeof why) == DFU_OK) {
        add_help(&e->fit, dfu_slot_max_image(&board->map, 0), "board ", name);
        dfu_board_free(board);
    }
    free(board);
}

void explain_measure(struct explain *e, uint32_t size)
{
    e->has_fit = true;
    e->fit = (struct explain_fit){ .size = size, .limit = dfu_slot_max_image(&e->board->map, 0) };
    if (size > e->fit.limit) {
        try_modes(e);
        try_builds(e);
        dfu_board_each(try_board, e);
    }
}
