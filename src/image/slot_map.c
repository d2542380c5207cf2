/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The one check of a slot map, at start; everything else then trusts it. And what is computed from
 * the geometry of slots.c. */
#include "dfu/slots.h"

#include <stddef.h>

#include "dfu/err.h"

static int refuse(const char **what, const char *why, int err)
{
    if (what) {
        *what = why;
    }
    return err;
}

static int check_area(const struct dfu_slot_map *map, const struct dfu_area *area,
                      const struct dfu_area *primary, const char **what)
{
    struct dfu_trailer trailer;
    int err = dfu_area_check(area);

    if (err) {
        return refuse(what, "a slot's sectors do not make up its size", err);
    }
    if (area->erased != 0xff && area->erased != 0x00) {
        return refuse(what, "the erased value is neither 0xff nor 0x00", DFU_ERR_INVAL);
    }
    if (area->write_size > map->max_align) {
        return refuse(what, "a write size is larger than the maximum alignment", DFU_ERR_ALIGN);
    }
    if (area->erased != primary->erased) {
        return refuse(what, "slots with different erased values", DFU_ERR_INVAL);
    }
    err = dfu_slot_trailer(map, area, &trailer);
    if (err) {
        return refuse(what, "a slot is too small for its trailer", err);
    }
    return DFU_OK;
}

static bool overlap(const struct dfu_area *a, const struct dfu_area *b)
{
    return a->ops == b->ops && a->ctx == b->ctx && a->base < b->base + b->size &&
           b->base < a->base + a->size;
}

/* The n-th area of the map: the slots pair by pair, then scratch; NULL where there is none. */
static const struct dfu_area *area_of(const struct dfu_slot_map *map, uint32_t n)
{
    if (n == 2u * map->image_count) {
        return map->scratch;
    }
    return n % 2 == 0 ? map->images[n / 2].primary : map->images[n / 2].secondary;
}

static int check_areas(const struct dfu_slot_map *map, const char **what)
{
    for (uint32_t n = 0; n <= 2u * map->image_count; n++) {
        const struct dfu_area *area = area_of(map, n);
        uint32_t image = n / 2 % map->image_count; /* scratch serves image 0, at least */
        int err = area ? check_area(map, area, map->images[image].primary, what) : DFU_OK;

        if (err) {
            return err;
        }
        for (uint32_t m = 0; area && m < n; m++) {
            if (area_of(map, m) && overlap(area, area_of(map, m))) {
                return refuse(what, "two slots overlap", DFU_ERR_INVAL);
            }
        }
    }
    return DFU_OK;
}

int dfu_slot_map_check(const struct dfu_slot_map *map, const char **what)
{
    bool is_paired = map->mode != DFU_MODE_SINGLE_SLOT && map->mode != DFU_MODE_SINGLE_RAM_LOAD;

    if ((uint32_t)map->mode > DFU_MODE_RAM_LOAD_REVERT) {
        return refuse(what, "an unknown upgrade mode", DFU_ERR_INVAL);
    }
    if (map->max_align != 8 && map->max_align != 16 && map->max_align != 32) {
        return refuse(what, "the maximum alignment is not 8, 16 or 32", DFU_ERR_INVAL);
    }
    if (map->max_sectors == 0) {
        return refuse(what, "no sectors allowed", DFU_ERR_INVAL);
    }
    if (map->decompresses && map->mode != DFU_MODE_OVERWRITE) {
        return refuse(what, "decompression in a mode that does not overwrite", DFU_ERR_INVAL);
    }
    if (map->key_size % map->max_align != 0) {
        return refuse(what, "the key size is not a multiple of the maximum alignment",
                      DFU_ERR_INVAL);
    }
    if (map->image_count == 0 || map->image_count > DFU_IMAGES_MAX) {
        return refuse(what, "the number of images is not 1 to 8", DFU_ERR_INVAL);
    }
    for (uint32_t i = 0; i < map->image_count; i++) {
        if (!map->images[i].primary) {
            return refuse(what, "an image without a primary slot", DFU_ERR_INVAL);
        }
        if ((map->images[i].secondary != NULL) != is_paired) {
            return refuse(what,
                          is_paired ? "an image without a secondary slot"
                                    : "a secondary slot in a mode with one slot",
                          DFU_ERR_INVAL);
        }
    }
    if ((map->scratch != NULL) != (map->mode == DFU_MODE_SWAP_SCRATCH)) {
        return refuse(what,
                      map->scratch ? "a scratch area in a mode without one" : "no scratch area",
                      DFU_ERR_INVAL);
    }
    return check_areas(map, what);
}

uint32_t dfu_slot_limit(const struct dfu_slot_map *map, uint8_t image, const struct dfu_area *area)
{
    uint32_t limit = dfu_slot_max_image(map, image);
    struct dfu_trailer at;

    if (!map->decompresses || limit == 0 || area != map->images[image].primary ||
        dfu_slot_trailer(map, area, &at)) {
        return limit;
    }
    return at.swap_info;
}
