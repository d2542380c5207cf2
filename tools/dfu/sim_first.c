/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_first.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dfu/sim_flash.h"
#include "dfu/update.h"

/* A wrong file would be there to stay: the next --init finds slot 0 not empty. */
static int check_first_image(struct cli *cli, const struct dfu_board *board,
                             const struct dfu_area *slot, const char *path, const uint8_t *bytes,
                             size_t len)
{
    struct dfu_memory_span span = { bytes, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    enum dfu_image_fault fault;

    if (len > slot->size) {
        return cli_fail(cli, CLI_USAGE,
                        "%s does not fit slot 0 of board %s: it has %zu bytes, the slot %" PRIu32,
                        path, board->name, len, slot->size);
    }
    fault = dfu_image_open(&image, &reader, 0);
    if (fault) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is no firmware image for --init: %s; sign it with dfu sign first", path,
                        dfu_image_fault_text(fault));
    }
    return 0;
}

/* The slot of the n-th --init, as this mode uses them. */
static const struct dfu_area *first_slot(const struct dfu_slot_map *map, size_t n)
{
    if (map->mode == DFU_MODE_FIRMWARE_LOADER && n < 2) {
        return n == 0 ? map->images[0].primary : map->images[0].secondary;
    }
    return n < map->image_count ? map->images[n].primary : NULL;
}

/* Where an image has one start to be confirmed, what a factory ships is. */
static int confirm_first_image(struct cli *cli, const struct dfu_board *board,
                               const struct dfu_area *slot)
{
    const struct dfu_slot_map *map = &board->map;
    struct dfu_slot_state state;

    if ((map->mode != DFU_MODE_DIRECT_XIP_REVERT && map->mode != DFU_MODE_RAM_LOAD_REVERT) ||
        dfu_slot_state_read(map, slot, &state) || state.magic != DFU_MAGIC_UNSET) {
        return 0;
    }
    return dfu_boot_set_next(map, slot, true, true)
               ? cli_fail(cli, CLI_INTERNAL, "the first image cannot be confirmed")
               : 0;
}

static int program_image(struct cli *cli, const struct dfu_board *board,
                         const struct dfu_area *slot, const char *path, size_t n)
{
    uint8_t *image = NULL;
    size_t len = 0;
    int err = cli_read_file(cli, path, 1u << 30, &image, &len);

    if (err) {
        return err;
    }
    err = check_first_image(cli, board, slot, path, image, len);
    if (!err) {
        dfu_sim_flash_load(slot->ctx, slot->base, image, len);
        err = confirm_first_image(cli, board, slot);
    }
    if (!err) {
        printf("sim: programmed %s into %s\n", path, n == 0 ? "slot 0" : slot->label);
    }
    free(image);
    return err;
}

int sim_first_images(struct cli *cli, const struct dfu_board *board, const char *flash,
                     const char *const init[DFU_IMAGES_MAX])
{
    int err = 0;

    for (size_t n = 0; !err && n < DFU_IMAGES_MAX && init[n]; n++) {
        const struct dfu_area *slot = first_slot(&board->map, n);

        if (!slot) {
            return cli_fail(cli, CLI_USAGE, "--init %s has no slot: board %s has %u image%s",
                            init[n], board->name, board->map.image_count,
                            board->map.image_count == 1 ? "" : "s");
        }
        if (dfu_area_is_erased(slot, 0, slot->size) == 1) {
            err = program_image(cli, board, slot, init[n], n);
        } else {
            cli_note(cli, "%s of %s is not empty, so --init changes nothing",
                     n == 0 ? "slot 0" : slot->label, flash);
        }
    }
    return err;
}
