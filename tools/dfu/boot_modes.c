/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot_modes.h"

#include <stdio.h>
#include <string.h>

const struct boot_mode boot_modes[] = {
    { "move", "swap using move", DFU_MODE_SWAP_MOVE, &dfu_boot_swap_move },
    { "swap-scratch", "swap using scratch", DFU_MODE_SWAP_SCRATCH, &dfu_boot_swap_scratch },
    { "swap-offset", "swap using offset", DFU_MODE_SWAP_OFFSET, &dfu_boot_swap_offset },
    { "overwrite", "overwrite only", DFU_MODE_OVERWRITE, &dfu_boot_overwrite },
    { "overwrite-fast", "overwrite only, fast", DFU_MODE_OVERWRITE, &dfu_boot_overwrite_fast },
    { "direct-xip", "direct-XIP", DFU_MODE_DIRECT_XIP, &dfu_boot_direct_xip },
    { "direct-xip-revert", "direct-XIP with revert", DFU_MODE_DIRECT_XIP_REVERT,
      &dfu_boot_direct_xip_revert },
    { "ram-load", "RAM load", DFU_MODE_RAM_LOAD, &dfu_boot_ram_load },
    { "ram-load-revert", "RAM load with revert", DFU_MODE_RAM_LOAD_REVERT,
      &dfu_boot_ram_load_revert },
    { "single", "single slot", DFU_MODE_SINGLE_SLOT, &dfu_boot_single_slot },
    { "single-ram-load", "single slot RAM load", DFU_MODE_SINGLE_RAM_LOAD,
      &dfu_boot_single_ram_load },
    { "firmware-loader", "firmware loader", DFU_MODE_FIRMWARE_LOADER, &dfu_boot_firmware_loader },
    { NULL, NULL, DFU_MODE_SINGLE_SLOT, NULL },
};

const struct boot_mode *boot_mode_of(enum dfu_boot_mode mode)
{
    for (const struct boot_mode *m = boot_modes; m->name; m++) {
        if (m->mode == mode) {
            return m;
        }
    }
    return NULL;
}

static const struct boot_mode *find(const char *name)
{
    for (const struct boot_mode *m = boot_modes; m->name; m++) {
        if (strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

static const char *all_names(char *out, size_t cap)
{
    out[0] = 0;
    for (const struct boot_mode *m = boot_modes; m->name; m++) {
        size_t used = strlen(out);

        snprintf(out + used, cap - used, "%s%s", used ? ", " : "", m->name);
    }
    return out;
}

static bool has_one_slot(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_SINGLE_SLOT || mode == DFU_MODE_SINGLE_RAM_LOAD;
}

int boot_mode_apply(const struct boot_mode *mode, struct dfu_slot_map *map,
                    const struct dfu_area *scratch, const char **why)
{
    map->mode = mode->mode;
    for (uint8_t i = 0; i < map->image_count && has_one_slot(mode->mode); i++) {
        map->images[i].secondary = NULL;
    }
    map->scratch = mode->mode == DFU_MODE_SWAP_SCRATCH ? scratch : NULL;
    map->decompresses = map->decompresses && mode->mode == DFU_MODE_OVERWRITE;
    *why = NULL;
    return dfu_slot_map_check(map, why);
}

const struct boot_mode *boot_mode_named(struct cli *cli, int id)
{
    const char *name = cli_value(cli, id);
    const struct boot_mode *mode = find(name);
    char names[256];

    if (!mode) {
        cli_fail(cli, CLI_USAGE, "%s %s is not one of: %s", cli_option_text(cli, id), name,
                 all_names(names, sizeof names));
    }
    return mode;
}

const struct boot_mode *boot_mode_choose(struct cli *cli, int id, struct dfu_board *board)
{
    const char *name = cli_value(cli, id);
    const struct boot_mode *mode = name ? boot_mode_named(cli, id) : boot_mode_of(board->map.mode);
    const struct dfu_area *scratch = dfu_board_area(board, "scratch_partition");
    const char *why;
    char names[256];

    if (!mode && name) {
        return NULL;
    }
    if (!mode) {
        cli_fail(cli, CLI_USAGE,
                 "board %s upgrades in a mode that is not supported yet; choose one with --mode: "
                 "%s",
                 board->name, all_names(names, sizeof names));
        return NULL;
    }
    if (boot_mode_apply(mode, &board->map, scratch, &why)) {
        cli_fail(cli, CLI_USAGE,
                 "board %s does not work in mode %s: %s; choose another with --mode", board->name,
                 mode->name, why ? why : "its slots do not fit together");
        return NULL;
    }
    return mode;
}
