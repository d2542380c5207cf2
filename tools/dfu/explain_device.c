/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A live device: it tells versions and states of its slots, not their bytes. So stand-ins of the
 * same versions are put in the same states, and the rest is as with any flash. */
#include <stdlib.h>
#include <stdio.h>

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

static int put_stand_in(struct explain *e, const struct dfu_area *area, const char *version,
                        uint32_t size)
{
    struct dfu_image_spec spec = {
        .version = parse_version(version),
        .header_size = HEADER_SIZE,
        .hash = &dfu_sha256_openssl,
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

/* On trial: what a swap that ended leaves in the primary's trailer. */
static int put_on_trial(struct explain *e, const struct dfu_area *area)
{
    const struct dfu_slot_map *map = &e->board->map;
    int err = dfu_trailer_write_swap_info(map, area, DFU_SWAP_TEST, 0);

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

static int put_slot(struct explain *e, const struct dfu_client_slot *slot, uint32_t size)
{
    const struct dfu_slot_pair *pair = &e->board->map.images[slot->image];
    const struct dfu_area *area = slot->slot == 0 ? pair->primary : pair->secondary;
    int code = put_stand_in(e, area, slot->version, size);

    if (!code && slot->slot == 0 && slot->active && !slot->confirmed) {
        code = put_on_trial(e, area);
    }
    if (!code && slot->slot == 1 && slot->pending) {
        (void)dfu_boot_set_next(&e->board->map, area, false, slot->permanent);
    }
    return code;
}

int explain_put_device(struct explain *e, const struct explain_device *device, uint32_t size)
{
    int code = CLI_DONE;

    for (size_t i = 0; !code && i < device->images.count; i++) {
        const struct dfu_client_slot *slot = &device->images.slots[i];

        if (slot->image >= e->board->map.image_count || slot->slot > 1 ||
            (slot->slot == 1 && !e->board->map.images[slot->image].secondary)) {
            cli_note(e->cli, "slot %u of image %u is not part of board %s and is left out",
                     (unsigned)slot->slot, (unsigned)slot->image, e->board->name);
            continue;
        }
        code = put_slot(e, slot, size > 0 ? size : STAND_IN_SIZE);
    }
    return code;
}
