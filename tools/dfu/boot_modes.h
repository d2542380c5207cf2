/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* boot_modes.h - the upgrade modes this tool can boot in, by the names of --mode. */
#ifndef DFU_DFU_BOOT_MODES_H
#define DFU_DFU_BOOT_MODES_H

#include "board.h"
#include "cli.h"
#include "dfu/boot.h"

/* The RAM of devices that run images from there: where microcontrollers of this kind have it. */
#define BOOT_MODE_RAM_ADDR 0x20000000u
#define BOOT_MODE_RAM_SIZE 0x100000u

struct boot_mode {
    const char *name; /* "move" */
    const char *text; /* "swap using move" */
    enum dfu_boot_mode mode;
    const struct dfu_boot_strategy *strategy;
};

extern const struct boot_mode boot_modes[]; /* the end has no name */

/* What the option id chose, or else what the board says; its map then has that mode. NULL after
 * cli_fail: no such mode, or one that does not suit the board. */
const struct boot_mode *boot_mode_choose(struct cli *cli, int id, struct dfu_board *board);

/* What the option id, which was given, names; NULL after cli_fail. */
const struct boot_mode *boot_mode_named(struct cli *cli, int id);

/* The first mode of that kind, or NULL. */
const struct boot_mode *boot_mode_of(enum dfu_boot_mode mode);

/* Give a map another mode, as far as its areas go: 0 if it works so. */
int boot_mode_apply(const struct boot_mode *mode, struct dfu_slot_map *map,
                    const struct dfu_area *scratch, const char **why);

#endif
