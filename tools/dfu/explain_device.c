/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A live device: it tells versions and states of its slots, not their bytes. So stand-ins of the
 * same versions are put in the same states, and the rest is as with any flash. */
#include <stdlib.h>
#include <stdio.h>

#include "boot_modes.h"
#include "device.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "dfu/update.h"
#include "explain.h"

#define HEADER_SIZE   32u
#define STAND_IN_SIZE 4096u

/* ---- Asking ---- */

static int ask_mode(struct device *dev, struct explain_device *out)
{
    struct dfu_call call = device_call(dev);
    struct dfu_client_bootinfo info;
    int len = dfu_client_bootinfo(&call, "mode", dev->out, sizeof(dev->out));
    int code = device_try(dev, &call, len, DEVICE_QUICK, "tell its bootloader");

    out->mode = DFU_MODE_SWAP_MOVE;
    if (code == CLI_REFUSED) {
        cli_note(dev->cli, "the device does not tell its bootloader's mode; swap is supposed");
        return CLI_DONE;
    }
    if (!code && dfu_client_bootinfo_read(&dev->answer, &info) == DFU_OK && info.has_mode &&
        info.mode >= 0) {
        out->mode = (enum dfu_boot_mode)info.mode;
    }
    return code;
}

/* Both kinds of RAM load have one number; only where images can go back is one tried, or on trial. */
static bool has_a_trial(const struct dfu_client_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct dfu_client_slot *slot = &images->slots[i];

        if ((slot->active && !slot->confirmed) || (slot->pending && !slot->permanent)) {
            return true;
        }
    }
    return false;
}

static int ask_all(struct device *dev, struct explain_device *out)
{
    struct dfu_client_slot_sizes sizes;
    int code = device_images(dev, &out->images);

    if (!code) {
        code = ask_mode(dev, out);
    }
    if (code) {
        return code;
    }
    if (out->mode == DFU_MODE_RAM_LOAD && has_a_trial(&out->images)) {
        out->mode = DFU_MODE_RAM_LOAD_REVERT;
    }
    out->largest = 0;
    code = device_slot_sizes(dev, &sizes);
    for (size_t i = 0; !code && i < sizes.count; i++) {
        if (sizes.slots[i].image == 0 && sizes.slots[i].max_image_size > 0) {
            out->largest = sizes.slots[i].max_image_size;
        }
    }
    return code == CLI_REFUSED ? CLI_DONE : code; /* not every device knows that command */
}

int explain_ask_device(struct cli *cli, struct explain_device *out)
{
    int code = CLI_DONE;
    struct device *dev = device_open(cli, &code);

    if (!dev) {
        return code;
    }
    code = ask_all(dev, out);
    device_close(dev);
    return code;
}

/* ---- Standing in ---- */

static bool goes_with(struct dfu_board *board, const char *name, const struct boot_mode *mode,
                      const struct dfu_client_images *images)
{
    const struct dfu_slot_map *map = &board->map;
    const char *what;
    char why[256];
    bool fits =
        dfu_board_load(board, name, why, sizeof why) == 0 &&
        boot_mode_apply(mode, &board->map, dfu_board_area(board, "scratch_partition"), &what) == 0;

    for (uint8_t i = 0; fits && i < map->image_count; i++) {
        fits = !map->images[i].secondary || dfu_slot_compatible(map, i) == DFU_SLOTS_FIT;
    }
    for (size_t i = 0; fits && i < images->count; i++) {
        fits = images->slots[i].image < map->image_count;
    }
    dfu_board_free(board);
    return fits;
}

const char *explain_stand_in_board(const struct explain_device *device)
{
    static const char *const names[] = { "sim", "nrf52840dk", "pinetime", "two-images" };
    const struct boot_mode *mode = boot_mode_of(device->mode);
    struct dfu_board *board = calloc(1, sizeof *board);
    const char *found = NULL;

    for (size_t i = 0; board && mode && !found && i < sizeof names / sizeof names[0]; i++) {
        found = goes_with(board, names[i], mode, &device->images) ? names[i] : NULL;
    }
    free(board);
    return found ? found : names[0];
}

static struct dfu_image_version parse_version(const char *text)
{
    unsigned long n[4] = { 0 };
    char *end = NULL;

    for (int i = 0; i < 4 && *text; i++) {
        n[i] = strtoul(text, &end, 10);
        text = end && *end ? end + 1 : "";
    }
    return (struct dfu_image_version){ (uint8_t)n[0], (uint8_t)n[1], (uint16_t)n[2],
                                       (uint32_t)n[3] };
}

static bool runs_from_ram(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_RAM_LOAD || mode == DFU_MODE_RAM_LOAD_REVERT ||
           mode == DFU_MODE_SINGLE_RAM_LOAD;
}

static int put_stand_in(struct explain *e, const struct dfu_area *area, const char *version,
                        uint32_t size)
{
    struct dfu_image_spec spec = {
        .version = parse_version(version),
        .header_size = HEADER_SIZE,
        .hash = &dfu_sha256_openssl,
        .flags = runs_from_ram(e->mode->mode) ? DFU_IMAGE_F_RAM_LOAD : 0,
        .load_addr = runs_from_ram(e->mode->mode) ? BOOT_MODE_RAM_ADDR : 0,
    };
    uint32_t overhead = dfu_image_write_room(&spec, 0);
    uint32_t payload = size > overhead ? size - overhead : 1;
    uint32_t room = dfu_image_write_room(&spec, payload);
    uint8_t *buf = calloc(1, room);
    uint32_t len = 0;

    if (!buf || dfu_image_write(&spec, buf, room, payload, &len) || len > area->size) {
        free(buf);
        return cli_fail(e->cli, CLI_INTERNAL, "cannot make a stand-in for %s", version);
    }
    rehearsal_put(&e->rehearsal, area, dfu_boot_get_image_start_offset(&e->board->map, area), buf,
                  len);
    free(buf);
    return CLI_DONE;
}

/* Modes that run an image in any slot, as long as its trailer lets them. */
static bool picks_by_trailer(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_DIRECT_XIP_REVERT || mode == DFU_MODE_RAM_LOAD_REVERT;
}

/* On trial: what a swap that ended leaves in the primary's trailer, or a start where nothing is
 * swapped. */
static int put_on_trial(struct explain *e, const struct dfu_area *area)
{
    const struct dfu_slot_map *map = &e->board->map;
    int err = picks_by_trailer(map->mode)
                  ? DFU_OK
                  : dfu_trailer_write_swap_info(map, area, DFU_SWAP_TEST, 0);

    if (!err) {
        err = dfu_trailer_write_copy_done(map, area);
    }
    if (!err) {
        err = dfu_trailer_write_magic(map, area);
    }
    return err ? cli_fail(e->cli, CLI_INTERNAL, "cannot make the device's state: %s",
                          dfu_err_name(err))
               : CLI_DONE;
}

static int put_state(struct explain *e, const struct dfu_client_slot *slot,
                     const struct dfu_area *area)
{
    const struct dfu_slot_map *map = &e->board->map;
    bool any_slot = picks_by_trailer(map->mode);

    if (slot->active && !slot->confirmed && (any_slot || slot->slot == 0)) {
        return put_on_trial(e, area);
    }
    if (any_slot && slot->confirmed) {
        (void)dfu_boot_set_next(map, area, slot->active, true);
    }
    if (slot->pending && (any_slot || slot->slot == 1)) {
        (void)dfu_boot_set_next(map, area, false, slot->permanent);
    }
    return CLI_DONE;
}

static int put_slot(struct explain *e, const struct dfu_client_slot *slot, uint32_t size)
{
    const struct dfu_slot_pair *pair = &e->board->map.images[slot->image];
    const struct dfu_area *area = slot->slot == 0 ? pair->primary : pair->secondary;
    int code = put_stand_in(e, area, slot->version, size);

    return code ? code : put_state(e, slot, area);
}

int explain_put_device(struct explain *e, const struct explain_device *device, uint32_t size)
{
    int code = CLI_DONE;

    if (size == 0 || !e->is_board_known || size > dfu_slot_max_image(&e->board->map, 0)) {
        size = STAND_IN_SIZE;
    }
    for (size_t i = 0; !code && i < device->images.count; i++) {
        const struct dfu_client_slot *slot = &device->images.slots[i];

        if (slot->image >= e->board->map.image_count || slot->slot > 1 ||
            (slot->slot == 1 && !e->board->map.images[slot->image].secondary)) {
            cli_note(e->cli, "slot %u of image %u is not part of board %s and is left out",
                     (unsigned)slot->slot, (unsigned)slot->image, e->board->name);
            continue;
        }
        code = put_slot(e, slot, size);
    }
    return code;
}
