/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The geometry of slots. Spec: bootloader, sections 1.2 to 1.4, 2.1 and 2.2; WA, WS, MA, N and T
 * below are its symbols. */
#include "dfu/slots.h"

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/trailer.h"

/* What the trailer of a mode holds besides magic, image_ok, copy_done and swap_info. */
struct mode_rules {
    uint8_t records; /* status records per sector */
    bool is_known, has_swap_size, has_tlv_sizes;
};

/* The modes without records still keep their room before the flags when they erase a trailer,
 * except those with a single slot. */
static const struct mode_rules rules[] = {
    [DFU_MODE_SINGLE_SLOT] = { 0, true, true, false },
    [DFU_MODE_SWAP_SCRATCH] = { 3, true, true, false },
    [DFU_MODE_OVERWRITE] = { 3, true, false, false },
    [DFU_MODE_SWAP_MOVE] = { 3, true, true, false },
    [DFU_MODE_DIRECT_XIP] = { 3, true, false, false },
    [DFU_MODE_DIRECT_XIP_REVERT] = { 3, true, false, false },
    [DFU_MODE_RAM_LOAD] = { 3, true, false, false },
    [DFU_MODE_FIRMWARE_LOADER] = { 0, true, true, false },
    [DFU_MODE_SINGLE_RAM_LOAD] = { 0, true, true, false },
    [DFU_MODE_SWAP_OFFSET] = { 2, true, true, true },
    [DFU_MODE_RAM_LOAD_REVERT] = { 3, true, false, false },
};

static const struct mode_rules *rules_of(enum dfu_boot_mode mode)
{
    size_t index = (size_t)mode;

    return index < sizeof rules / sizeof rules[0] && rules[index].is_known ? &rules[index] : NULL;
}

static bool is_swap(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_SWAP_SCRATCH || mode == DFU_MODE_SWAP_MOVE ||
           mode == DFU_MODE_SWAP_OFFSET;
}

static uint32_t multiple_above(uint32_t x, uint32_t unit)
{
    return (x + unit - 1) / unit * unit;
}

static uint32_t below(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

/* ---- Trailer ---- */

/* WS: the distance of status records. */
static uint32_t status_write_size(const struct dfu_slot_map *map, const struct dfu_area *primary)
{
    return map->mode == DFU_MODE_SWAP_SCRATCH && map->scratch
               ? max_u32(primary->write_size, map->scratch->write_size)
               : primary->write_size;
}

static uint32_t status_records(const struct dfu_slot_map *map, bool is_scratch)
{
    return rules_of(map->mode)->records * (is_scratch ? 1u : map->max_sectors);
}

/* T, for records of the given size. At most 4 * 65535 * 32 and a little: never wraps. */
static uint32_t trailer_size(const struct dfu_slot_map *map, uint32_t write_size, bool is_scratch)
{
    uint32_t flags = rules_of(map->mode)->has_tlv_sizes ? 5 : 4;

    return status_records(map, is_scratch) * write_size + flags * map->max_align +
           round_up(DFU_TRAILER_MAGIC_SIZE, map->max_align) + 2u * map->key_size;
}

/* The primary of the pair that an area belongs to; scratch counts as image 0's. */
static const struct dfu_area *primary_of(const struct dfu_slot_map *map,
                                         const struct dfu_area *area)
{
    for (uint32_t i = 0; i < map->image_count && i < DFU_IMAGES_MAX; i++) {
        if (area == map->images[i].primary || area == map->images[i].secondary) {
            return map->images[i].primary;
        }
    }
    return area == map->scratch ? map->images[0].primary : NULL;
}

static void lay_fields(const struct dfu_slot_map *map, uint32_t end, struct dfu_trailer *out)
{
    const struct mode_rules *mode = rules_of(map->mode);
    uint32_t at;

    out->magic = end - DFU_TRAILER_MAGIC_SIZE;
    at = round_down(out->magic - map->max_align, map->max_align);
    out->image_ok = at;
    out->copy_done = at -= map->max_align;
    out->swap_info = at -= map->max_align;
    if (mode->has_tlv_sizes) {
        out->tlv_sizes = at -= map->max_align;
    }
    if (mode->has_swap_size) {
        out->swap_size = at -= map->max_align;
    }
    if (map->key_size > 0) {
        out->key[0] = at - map->key_size;
        out->key[1] = at - 2u * map->key_size;
    }
}

int dfu_slot_trailer(const struct dfu_slot_map *map, const struct dfu_area *area,
                     struct dfu_trailer *out)
{
    const struct dfu_area *primary = primary_of(map, area);
    const struct mode_rules *mode = rules_of(map->mode);
    bool is_scratch = area == map->scratch;
    uint32_t size, fixed;

    *out = (struct dfu_trailer){ 0 };
    if (!primary || !mode || !is_power_of_two(map->max_align)) {
        return DFU_ERR_INVAL;
    }
    size = trailer_size(map, area->write_size, is_scratch);
    /* Only a mode that swaps needs its records to fit. */
    fixed = is_swap(map->mode) ? size : trailer_size(map, 0, is_scratch);
    if (fixed + map->max_align > area->size) {
        return DFU_ERR_NOSPACE;
    }
    lay_fields(map, area->size, out);
    out->status = below(area->size, size);
    if (is_swap(map->mode)) {
        out->status_stride = status_write_size(map, primary);
        out->status_count = status_records(map, is_scratch);
    }
    return DFU_OK;
}

/* ---- Compatibility ---- */

/* Walk both slots, always adding to the shorter side, until both have reached the same border;
 * one step of the walk. */
struct walk {
    const struct dfu_area *area[2];
    uint32_t next[2];
    uint32_t sum[2];
    int smaller; /* the side that puts several sectors against one of the other, or -1 */
};

static bool take_sector(struct walk *walk, int side)
{
    struct dfu_sector sector;

    if (dfu_area_sector(walk->area[side], walk->next[side], &sector)) {
        return false;
    }
    walk->next[side]++;
    walk->sum[side] += sector.size;
    return true;
}

static bool is_at_end(const struct walk *walk, int side)
{
    return walk->sum[side] == walk->area[side]->size;
}

static enum dfu_slot_fit walk_step(struct walk *walk)
{
    int side = walk->sum[0] < walk->sum[1] ? 0 : 1;

    if (walk->sum[0] == walk->sum[1]) {
        return take_sector(walk, 0) && take_sector(walk, 1) ? DFU_SLOTS_FIT
                                                            : DFU_SLOTS_SIZES_DIFFER;
    }
    if (walk->smaller == 1 - side) {
        return DFU_SLOTS_SECTORS_DIFFER;
    }
    walk->smaller = side;
    return take_sector(walk, side) ? DFU_SLOTS_FIT : DFU_SLOTS_SIZES_DIFFER;
}

/* What is decompressed needs no room beside it in the secondary. */
static bool may_end_here(const struct dfu_slot_map *map, const struct walk *walk)
{
    return map->decompresses && is_at_end(walk, 1) && walk->sum[0] >= walk->sum[1];
}

/* With scratch each group must fit it, and the side may change from group to group. Without,
 * MCUboot never lets the side change; so that both loaders upgrade the same devices, nor do we. */
static enum dfu_slot_fit fit_by_groups(const struct dfu_slot_map *map,
                                       const struct dfu_slot_pair *pair)
{
    const struct dfu_area *scratch = map->mode == DFU_MODE_SWAP_SCRATCH ? map->scratch : NULL;
    struct walk walk = { .area = { pair->primary, pair->secondary }, .smaller = -1 };
    uint32_t group_start = 0;

    while (!is_at_end(&walk, 0) || !is_at_end(&walk, 1)) {
        enum dfu_slot_fit fit;

        if (may_end_here(map, &walk)) {
            return DFU_SLOTS_FIT;
        }
        fit = walk_step(&walk);
        if (fit != DFU_SLOTS_FIT) {
            return fit;
        }
        if (scratch && walk.sum[0] == walk.sum[1]) {
            if (walk.sum[0] - group_start > scratch->size) {
                return DFU_SLOTS_SCRATCH_TOO_SMALL;
            }
            group_start = walk.sum[0];
            walk.smaller = -1;
        }
    }
    return DFU_SLOTS_FIT;
}

/* Move and offset address sectors by multiplying: all must have one size. */
static enum dfu_slot_fit fit_uniform(const struct dfu_area *longer, const struct dfu_area *shorter,
                                     uint32_t primary_count, uint32_t max_sectors)
{
    uint32_t more = dfu_area_sector_count(longer);
    uint32_t less = dfu_area_sector_count(shorter);

    if (more != less && more != less + 1) {
        return DFU_SLOTS_COUNT_DIFFERS;
    }
    if (primary_count > max_sectors) {
        return DFU_SLOTS_TOO_MANY_SECTORS;
    }
    for (uint32_t i = 0; i < longer->run_count; i++) {
        if (longer->runs[i].size != longer->runs[0].size) {
            return DFU_SLOTS_LAYOUT_DIFFERS;
        }
    }
    for (uint32_t i = 0; i < shorter->run_count; i++) {
        if (shorter->runs[i].size != longer->runs[0].size) {
            return DFU_SLOTS_LAYOUT_DIFFERS;
        }
    }
    return DFU_SLOTS_FIT;
}

enum dfu_slot_fit dfu_slot_compatible(const struct dfu_slot_map *map, uint8_t image)
{
    const struct dfu_slot_pair *pair = &map->images[image];
    uint32_t count;

    if (!pair->secondary) {
        return DFU_SLOTS_FIT;
    }
    count = dfu_area_sector_count(pair->primary);
    switch (map->mode) {
    case DFU_MODE_SWAP_SCRATCH:
    case DFU_MODE_OVERWRITE:
        if (count > map->max_sectors || dfu_area_sector_count(pair->secondary) > map->max_sectors) {
            return DFU_SLOTS_TOO_MANY_SECTORS;
        }
        return fit_by_groups(map, pair);
    case DFU_MODE_SWAP_MOVE:
        return fit_uniform(pair->primary, pair->secondary, count, map->max_sectors);
    case DFU_MODE_SWAP_OFFSET:
        return fit_uniform(pair->secondary, pair->primary, count, map->max_sectors);
    default: return DFU_SLOTS_FIT;
    }
}

/* ---- Largest image ---- */

/* Where the sector that holds the start of the trailer ends. */
static uint32_t first_trailer_sector_end(const struct dfu_area *area, uint32_t trailer)
{
    struct dfu_sector sector;

    if (dfu_area_sector_at(area, below(area->size, trailer), &sector)) {
        return area->size;
    }
    return sector.off + sector.size;
}

/* The part of the trailer in its first sector must leave room for a whole scratch trailer. */
static uint32_t max_image_scratch(const struct dfu_slot_map *map, const struct dfu_slot_pair *pair)
{
    uint32_t write_size = status_write_size(map, pair->primary);
    uint32_t trailer = trailer_size(map, write_size, false);
    uint32_t scratch_trailer = trailer_size(map, write_size, true);
    uint32_t end = max_u32(first_trailer_sector_end(pair->primary, trailer),
                           first_trailer_sector_end(pair->secondary, trailer));
    uint32_t start = below(pair->primary->size, trailer);

    return below(start, below(scratch_trailer, end - start));
}

/* In whole sectors; one more is taken from the slot that needs a free sector to move through. */
static uint32_t max_image_uniform(const struct dfu_slot_map *map, const struct dfu_slot_pair *pair)
{
    uint32_t sector = pair->primary->runs[0].size;
    uint32_t trailer = multiple_above(trailer_size(map, pair->primary->write_size, false), sector);
    bool is_move = map->mode == DFU_MODE_SWAP_MOVE;
    uint32_t primary = below(pair->primary->size, trailer + (is_move ? sector : 0));
    uint32_t secondary = below(pair->secondary->size, trailer + (is_move ? 0 : sector));

    return min_u32(primary, secondary);
}

/* Everything before the flags that a mode without records uses. */
static uint32_t max_image_plain(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    struct dfu_trailer trailer;

    if (dfu_slot_trailer(map, area, &trailer)) {
        return 0;
    }
    return trailer.swap_size > 0 ? trailer.status : trailer.swap_info;
}

uint32_t dfu_slot_max_image(const struct dfu_slot_map *map, uint8_t image)
{
    const struct dfu_slot_pair *pair;

    if (image >= map->image_count || !rules_of(map->mode) ||
        dfu_slot_compatible(map, image) != DFU_SLOTS_FIT) {
        return 0;
    }
    pair = &map->images[image];
    switch (map->mode) {
    case DFU_MODE_SWAP_SCRATCH: return max_image_scratch(map, pair);
    case DFU_MODE_SWAP_MOVE:
    case DFU_MODE_SWAP_OFFSET: return max_image_uniform(map, pair);
    default:
        return pair->secondary ? min_u32(max_image_plain(map, pair->primary),
                                         max_image_plain(map, pair->secondary))
                               : max_image_plain(map, pair->primary);
    }
}

uint32_t dfu_slot_upload_offset(const struct dfu_slot_map *map, uint8_t image)
{
    const struct dfu_area *secondary = map->images[image].secondary;

    return map->mode == DFU_MODE_SWAP_OFFSET && secondary ? secondary->runs[0].size : 0;
}
