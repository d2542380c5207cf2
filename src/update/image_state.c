/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What an application asks of the next boot, written into trailers. Spec: DFU subsystem,
 * section 6; bootloader, section 8. */
#include "dfu/update.h"

#include "dfu/err.h"

/* The pair that an area belongs to, or NULL. */
static const struct dfu_slot_pair *pair_of(const struct dfu_slot_map *map,
                                           const struct dfu_area *area, uint8_t *image)
{
    for (uint8_t i = 0; i < map->image_count && i < DFU_IMAGES_MAX; i++) {
        if (area && (area == map->images[i].primary || area == map->images[i].secondary)) {
            *image = i;
            return &map->images[i];
        }
    }
    return NULL;
}

/* ---- Writing flags ---- */

/* A torn image_ok blocks the revert just as a whole one does: it counts as confirmed. */
static int confirm_running(const struct dfu_slot_map *map, const struct dfu_area *area,
                           const struct dfu_slot_state *state)
{
    if (state->magic == DFU_MAGIC_UNSET || state->image_ok != DFU_FLAG_UNSET) {
        return DFU_OK;
    }
    return dfu_trailer_write_image_ok(map, area);
}

/* Magic first: a cut after it leaves a request for a test, never more than was asked for. A flag
 * that stands there already would turn a test into something else. */
static int request(const struct dfu_slot_map *map, const struct dfu_area *area, uint8_t image,
                   bool permanent, const struct dfu_slot_state *state)
{
    int err;

    if (state->magic == DFU_MAGIC_GOOD) {
        return state->image_ok == DFU_FLAG_BAD ? DFU_ERR_STATE : DFU_OK;
    }
    if (state->image_ok != DFU_FLAG_UNSET) {
        return DFU_ERR_STATE;
    }
    err = dfu_trailer_write_magic(map, area);
    if (!err && permanent) {
        err = dfu_trailer_write_image_ok(map, area);
    }
    if (err) {
        return err;
    }
    return dfu_trailer_write_swap_info(map, area, permanent ? DFU_SWAP_PERM : DFU_SWAP_TEST, image);
}

/* Direct XIP runs a slot where it lies: magic makes it a candidate, the flags confirm it. */
static int set_next_xip(const struct dfu_slot_map *map, const struct dfu_area *area, bool confirm,
                        const struct dfu_slot_state *state)
{
    int err = DFU_OK;

    if (state->magic == DFU_MAGIC_UNSET) {
        err = dfu_trailer_write_magic(map, area);
    }
    if (!err && confirm && state->copy_done == DFU_FLAG_UNSET) {
        err = dfu_trailer_write_copy_done(map, area);
    }
    if (!err && confirm && state->image_ok == DFU_FLAG_UNSET) {
        err = dfu_trailer_write_image_ok(map, area);
    }
    return err;
}

int dfu_boot_set_next(const struct dfu_slot_map *map, const struct dfu_area *area, bool active,
                      bool confirm)
{
    struct dfu_slot_state state;
    uint8_t image;
    int err;

    if (!pair_of(map, area, &image)) {
        return DFU_ERR_INVAL;
    }
    err = dfu_slot_state_read(map, area, &state);
    if (err) {
        return err;
    }
    if (state.magic == DFU_MAGIC_BAD) {
        return DFU_ERR_STATE;
    }
    if (dfu_mode_chooses_slot(map->mode)) {
        return set_next_xip(map, area, active || confirm, &state);
    }
    return active ? confirm_running(map, area, &state) : request(map, area, image, confirm, &state);
}

int dfu_boot_request_upgrade(const struct dfu_slot_map *map, uint8_t image, bool permanent)
{
    if (image >= map->image_count) {
        return DFU_ERR_INVAL;
    }
    if (!map->images[image].secondary) {
        return DFU_OK;
    }
    return dfu_boot_set_next(map, map->images[image].secondary, false, permanent);
}

int dfu_boot_write_img_confirmed(const struct dfu_slot_map *map, uint8_t image)
{
    if (image >= map->image_count) {
        return DFU_ERR_INVAL;
    }
    return dfu_boot_set_next(map, map->images[image].primary, true, true);
}

/* ---- Reading ---- */

bool dfu_boot_is_slot_confirmed(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    struct dfu_slot_state state;

    if (dfu_slot_state_read(map, area, &state)) {
        return false;
    }
    return state.magic == DFU_MAGIC_UNSET || state.image_ok != DFU_FLAG_UNSET;
}

bool dfu_boot_is_img_confirmed(const struct dfu_slot_map *map, uint8_t image)
{
    return image < map->image_count && dfu_boot_is_slot_confirmed(map, map->images[image].primary);
}

int dfu_mcuboot_swap_type(const struct dfu_slot_map *map, uint8_t image)
{
    struct dfu_slot_state primary;
    struct dfu_slot_state secondary = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET,
                                        DFU_SWAP_NONE, 0 };

    if (image >= map->image_count) {
        return DFU_ERR_INVAL;
    }
    if (!map->images[image].secondary) {
        return DFU_SWAP_NONE;
    }
    if (dfu_slot_state_read(map, map->images[image].primary, &primary)) {
        return DFU_SWAP_PANIC;
    }
    /* A secondary that cannot be read asks for nothing. */
    (void)dfu_slot_state_read(map, map->images[image].secondary, &secondary);
    return (int)dfu_swap_type_of(map->mode, &primary, &secondary);
}

uint32_t dfu_boot_get_image_start_offset(const struct dfu_slot_map *map,
                                         const struct dfu_area *area)
{
    uint8_t image;
    const struct dfu_slot_pair *pair = pair_of(map, area, &image);

    if (!pair || area != pair->secondary || dfu_mcuboot_swap_type(map, image) == DFU_SWAP_REVERT) {
        return 0;
    }
    return dfu_slot_upload_offset(map, image);
}

int dfu_boot_read_bank_header(const struct dfu_area *area, uint32_t off,
                              struct dfu_mcuboot_img_header *out)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    struct dfu_image_header header;
    int err = dfu_area_read(area, off, raw, sizeof raw);

    if (err) {
        return err;
    }
    if (dfu_image_header_parse(raw, &header) != DFU_IMAGE_FINE) {
        return DFU_ERR_FORMAT;
    }
    out->image_size = header.img_size;
    out->version = header.version;
    return DFU_OK;
}

/* Flags that speak for an image are gone before it is: a cut leaves no mark above half a program. */
int dfu_boot_erase_img_bank(const struct dfu_area *area)
{
    struct dfu_sector last;
    int err = dfu_area_sector_at(area, area->size - 1, &last);

    if (!err) {
        err = dfu_area_erase(area, last.off, last.size);
    }
    return !err && last.off > 0 ? dfu_area_erase(area, 0, last.off) : err;
}
