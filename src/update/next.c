/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the next start does in modes that choose between slots. Spec: SMP, section 3.2. */
#include "dfu/update.h"

#include "base/bytes.h"
#include "dfu/err.h"

#define SLOTS 2

struct slot {
    bool is_candidate;  /* holds an image that may be chosen */
    bool is_confirmed;  /* or there is nothing to confirm in this mode */
    bool had_its_start; /* and was not confirmed in it */
    struct dfu_image_version version;
};

bool dfu_mode_chooses_slot(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_DIRECT_XIP || mode == DFU_MODE_DIRECT_XIP_REVERT ||
           mode == DFU_MODE_RAM_LOAD || mode == DFU_MODE_RAM_LOAD_REVERT;
}

static bool reverts(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_DIRECT_XIP_REVERT || mode == DFU_MODE_RAM_LOAD_REVERT;
}

bool dfu_boot_fits_slot(const struct dfu_slot_map *map, const struct dfu_area *area,
                        const struct dfu_image_header *header)
{
    bool runs_in_place =
        map->mode == DFU_MODE_DIRECT_XIP || map->mode == DFU_MODE_DIRECT_XIP_REVERT;

    return !runs_in_place || (header->flags & DFU_IMAGE_F_ROM_FIXED) == 0 ||
           header->load_addr == area->base;
}

static void look_at(const struct dfu_slot_map *map, const struct dfu_area *area, struct slot *out)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    struct dfu_image_header header;
    struct dfu_slot_state state;

    *out = (struct slot){ 0 };
    if (!area || dfu_area_read(area, 0, raw, sizeof raw) ||
        dfu_image_header_parse(raw, &header) != DFU_IMAGE_FINE ||
        (header.flags & DFU_IMAGE_F_NON_BOOTABLE) != 0 || header.img_size >= area->size ||
        !dfu_boot_fits_slot(map, area, &header)) {
        return;
    }
    out->version = header.version;
    out->is_candidate = true;
    out->is_confirmed = true;
    if (reverts(map->mode)) {
        if (dfu_slot_state_read(map, area, &state)) {
            state = (struct dfu_slot_state){ .magic = DFU_MAGIC_BAD };
        }
        out->is_candidate = state.magic == DFU_MAGIC_GOOD;
        out->is_confirmed = state.image_ok == DFU_FLAG_SET;
        out->had_its_start = !out->is_confirmed &&
                             (state.copy_done == DFU_FLAG_SET || state.swap_type != DFU_SWAP_NONE);
    }
}

static int newest(const struct slot slots[SLOTS], bool had_its_start)
{
    int best = -1;

    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].is_candidate && slots[i].had_its_start == had_its_start &&
            (best < 0 ||
             dfu_image_version_compare(&slots[i].version, &slots[best].version, false) > 0)) {
            best = i;
        }
    }
    return best;
}

/* One that had its start without being confirmed runs only where there is no other. */
static int choose(const struct slot slots[SLOTS])
{
    int best = newest(slots, false);

    return best < 0 ? newest(slots, true) : best;
}

int dfu_mcuboot_next(const struct dfu_slot_map *map, uint8_t image, uint8_t active)
{
    struct slot slots[SLOTS];
    int next;

    if (image >= map->image_count || active >= SLOTS) {
        return DFU_ERR_INVAL;
    }
    if (!dfu_mode_chooses_slot(map->mode)) {
        return map->mode == DFU_MODE_FIRMWARE_LOADER ? DFU_SWAP_NONE
                                                     : dfu_mcuboot_swap_type(map, image);
    }
    look_at(map, map->images[image].primary, &slots[0]);
    look_at(map, map->images[image].secondary, &slots[1]);
    next = choose(slots);
    if (next < 0 || next == active) {
        return DFU_SWAP_NONE;
    }
    if (!slots[next].is_confirmed) {
        return DFU_SWAP_TEST;
    }
    return slots[active].had_its_start ? DFU_SWAP_REVERT : DFU_SWAP_PERM;
}
