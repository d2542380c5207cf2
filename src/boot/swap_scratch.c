/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using scratch (bootloader spec 4.2): group by group of sectors, from the top, the update's
 * part goes to the scratch area, the old one to the secondary, the update's to the primary.
 *
 * Where the first group reaches into the sectors of the trailers, both can not be in the slots
 * meanwhile: then the trailer of the swap lies in scratch until that group is done. */
#include <string.h>

#include "base/bytes.h"
#include "boot/boot.h"
#include "boot/copy.h"
#include "boot/keys.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "dfu/err.h"

#define STATES 3u /* of each operation */

/* Sectors that are exchanged at once. */
struct group {
    uint32_t off, len;
    uint32_t data;   /* bytes to be copied; the rest is the trailer's */
    bool is_trailer; /* the first one, and it reaches into the trailers' sectors */
};

static const struct dfu_area *scratch_of(const struct swap *swap)
{
    return cfg_of(swap->pair)->map->scratch;
}

/* ---- Groups ---- */

static uint32_t sector_start(const struct dfu_area *area, uint32_t off)
{
    struct dfu_sector sector;

    return dfu_area_sector_at(area, off, &sector) ? 0 : sector.off;
}

static uint32_t sector_end(const struct dfu_area *area, uint32_t off)
{
    struct dfu_sector sector;

    return dfu_area_sector_at(area, off, &sector) ? area->size : sector.off + sector.size;
}

/* The first border of sectors in both slots at or above off; 0 if there is none. */
static uint32_t common_border(const struct boot_pair *pair, uint32_t off)
{
    uint32_t a = 0, b = 0;

    while (a < off || a != b) {
        const struct dfu_area *area = a <= b ? pair->primary : pair->secondary;
        uint32_t *side = a <= b ? &a : &b;

        if (*side >= area->size) {
            return 0;
        }
        *side = sector_end(area, *side);
    }
    return a;
}

/* The lowest border in both slots from which all up to end fits the scratch area. MCUboot looks at
 * the primary alone, so that a group may begin inside a sector of the secondary, whose first part
 * is then erased unsaved (N3). Where it does not, this is its border. */
static uint32_t group_start(const struct swap *swap, uint32_t end)
{
    uint32_t lowest = end;

    for (uint32_t at = end; at > 0;) {
        at = sector_start(swap->pair->primary, at - 1);
        if (end - at > scratch_of(swap)->size) {
            break;
        }
        if (sector_start(swap->pair->secondary, at) == at) {
            lowest = at;
        }
    }
    return lowest;
}

static struct group group_at(const struct swap *swap, uint32_t g)
{
    uint32_t trailer = sector_start(swap->pair->primary, swap->at.status);
    uint32_t end = swap->end;
    struct group group;

    for (uint32_t i = 0; i < g; i++) {
        end = group_start(swap, end);
    }
    group.off = group_start(swap, end);
    group.len = end - group.off;
    group.data = group.len;
    if (end > trailer) {
        group.data =
            min_u32(swap->at.status - min_u32(swap->at.status, group.off), swap->scratch_at.status);
    }
    group.is_trailer = g == 0 && group.data != group.len;
    return group;
}

/* Whether what the first group keeps below the trailer is whole write units everywhere. */
static bool is_data_whole(const struct swap *swap)
{
    struct group group = group_at(swap, 0);
    uint32_t unit =
        max_u32(swap->pair->primary->write_size,
                max_u32(swap->pair->secondary->write_size, scratch_of(swap)->write_size));

    return group.data % unit == 0;
}

static int scratch_measure(struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    uint32_t start;

    swap->count = 0;
    swap->required = swap->size;
    swap->available = dfu_slot_max_image(cfg_of(pair)->map, pair->image);
    if (swap->size == 0) {
        return DFU_ERR_FORMAT;
    }
    /* An image that is too large reaches into the trailer (N4). One that another loader has begun
     * to swap all the same can only be finished. */
    if (swap->size > swap->available && !swap->is_recorded) {
        return DFU_ERR_NOSPACE;
    }
    swap->end = common_border(pair, swap->size);
    if (swap->end == 0) {
        return DFU_ERR_NOSPACE;
    }
    for (uint32_t at = swap->end; at > 0; at = start) {
        start = group_start(swap, at);
        if (start == at) {
            return DFU_ERR_NOSPACE;
        }
        swap->count++;
    }
    return is_data_whole(swap) ? DFU_OK : DFU_ERR_ALIGN;
}

/* ---- The plan ---- */

static uint32_t scratch_steps(const struct swap *swap)
{
    return STATES * swap->count;
}

static struct swap_mark scratch_mark(const struct swap *swap, uint32_t n)
{
    bool in_scratch = n < STATES - 1 && group_at(swap, 0).is_trailer;

    return (struct swap_mark){ in_scratch ? scratch_of(swap) : NULL, n, n / STATES + 1,
                               (uint8_t)(n % STATES + 1) };
}

static struct swap_step scratch_step(const struct swap *swap, uint32_t n)
{
    const struct dfu_area *primary = swap->pair->primary;
    const struct dfu_area *secondary = swap->pair->secondary;
    struct group group = group_at(swap, n / STATES);

    switch (n % STATES) {
    case 0: return (struct swap_step){ scratch_of(swap), secondary, 0, group.off, group.data };
    case 1: return (struct swap_step){ secondary, primary, group.off, group.off, group.data };
    default: return (struct swap_step){ primary, scratch_of(swap), group.off, 0, group.data };
    }
}

/* Sector 0 is part of the last group. */
static struct swap_place scratch_header(const struct swap *swap, bool of_primary)
{
    const struct swap_place first = { swap->pair->primary, 0 };
    const struct swap_place second = { swap->pair->secondary, 0 };
    uint32_t left = scratch_steps(swap) - swap->done;

    if (of_primary) {
        return left > STATES - 2 ? first : second;
    }
    if (left == 0) {
        return first;
    }
    return left < STATES ? (struct swap_place){ scratch_of(swap), 0 } : second;
}

/* ---- Doing it ---- */

/* Last sector first: the magic goes before what it vouches for. */
static int retire_scratch(const struct swap *swap)
{
    const struct dfu_area *scratch = scratch_of(swap);
    uint32_t end = scratch->size;
    int err = DFU_OK;

    while (!err && end > 0) {
        uint32_t start = sector_start(scratch, end - 1);

        err = slot_erase_span(swap->pair, scratch, start, end - start);
        end = start;
    }
    return err;
}

/* Whether an area's trailer describes this very swap. */
static bool describes(const struct swap *swap, const struct dfu_area *area,
                      const struct dfu_trailer *at)
{
    struct dfu_slot_state state;
    uint8_t size[4];

    return dfu_slot_state_read(cfg_of(swap->pair)->map, area, &state) == DFU_OK &&
           dfu_area_read(area, at->swap_size, size, sizeof size) == DFU_OK &&
           state.magic == DFU_MAGIC_GOOD && state.copy_done == DFU_FLAG_UNSET &&
           state.swap_type == swap->type && state.image_num == swap->pair->image &&
           get_le32(size) == swap->size;
}

/* At every moment one whole trailer tells of the swap. A revert is told of by no other, so the one
 * in scratch must not go before the primary's stands (B14). */
static int scratch_prepare(struct swap *swap)
{
    const struct boot_pair *pair = swap->pair;
    const struct dfu_area *scratch = scratch_of(swap);
    bool is_trailer = group_at(swap, 0).is_trailer;
    bool is_only_one = swap->is_in_scratch && describes(swap, scratch, &swap->scratch_at) &&
                       !describes(swap, pair->primary, &swap->at);
    int err = is_trailer ? swap_choose_turn(swap) : DFU_OK;

    if (!err && (is_trailer || !is_only_one)) {
        err = slot_erase(pair, scratch);
        if (!err) {
            err = swap_write_status(swap, scratch);
        }
    }
    if (err || is_trailer) {
        return err;
    }
    err = slot_erase_trailer(pair, pair->primary);
    if (!err) {
        err = swap_write_status(swap, pair->primary);
    }
    return err ? err : slot_erase(pair, scratch);
}

/* What a torn erase left of it must not be taken for the trailer of a swap. */
static int scratch_ready(struct swap *swap)
{
    struct dfu_slot_state state;
    int err = dfu_slot_state_read(cfg_of(swap->pair)->map, scratch_of(swap), &state);

    if (!err && swap->is_in_scratch) {
        err = swap_read_turn(swap);
    }
    if (err || swap->done < STATES || state.magic != DFU_MAGIC_GOOD ||
        state.image_num != swap->pair->image) {
        return err;
    }
    return retire_scratch(swap);
}

/* The trailer moves from scratch to the primary; the magic comes last. MCUboot puts the first two
 * records beside the others where the trailer is longer than a sector (B12). */
static int move_trailer(const struct swap *swap)
{
    const struct dfu_slot_map *map = cfg_of(swap->pair)->map;
    const struct dfu_area *primary = swap->pair->primary;
    uint32_t stride = swap->at.status_stride;
    uint8_t records[2 * DFU_FLASH_WRITE_SIZE_MAX];
    struct dfu_slot_state state;
    int err = dfu_slot_state_read(map, scratch_of(swap), &state);

    memset(records, primary->erased, sizeof records);
    records[0] = 1;
    records[stride] = 2;
    if (!err) {
        /* What refuses them is no reason to stop half-way: the third record is all that counts. */
        err = dfu_area_write(primary, swap->at.status, records, (size_t)2 * stride);
        err = err == DFU_ERR_POWER ? err : DFU_OK;
    }
    if (!err && state.image_ok == DFU_FLAG_SET) {
        err = dfu_trailer_write_image_ok(map, primary);
    }
    if (!err && state.swap_type != DFU_SWAP_NONE) {
        err = dfu_trailer_write_swap_info(map, primary, state.swap_type, swap->pair->image);
    }
    if (!err) {
        err = swap_write_size(swap, primary);
    }
    if (!err && cfg_of(swap->pair)->encryption) {
        err = cfg_of(swap->pair)->encryption->move(swap->pair, primary, scratch_of(swap));
    }
    return err ? err : dfu_trailer_write_magic(map, primary);
}

/* The group's sectors of a slot; with the trailer's the latter first. With the secondary's goes what
 * was noted there of a record that its own unit refused. */
static int erase_group(const struct swap *swap, const struct dfu_area *area,
                       const struct group *group, bool with_trailer)
{
    uint32_t end = group->off + group->len;
    struct dfu_trailer at;
    int err = DFU_OK;

    if (with_trailer) {
        err = dfu_slot_trailer(cfg_of(swap->pair)->map, area, &at);
        if (!err) {
            err = slot_erase_trailer(swap->pair, area);
            end = min_u32(end, sector_start(area, at.status));
        }
        if (!err && area == swap->pair->secondary && !group->is_trailer) {
            err = swap_mark_again(swap, 0);
        }
    }
    if (err || end <= group->off) {
        return err;
    }
    return slot_erase_span(swap->pair, area, group->off, end - group->off);
}

/* Where equal sectors are left alone: of a group of several, each for itself. */
static int apply_by_sector(const struct swap *swap, const struct swap_step *step)
{
    uint32_t len;

    for (uint32_t at = 0; at < step->len; at += len) {
        struct swap_step part = *step;
        struct dfu_sector sector;
        int err = dfu_area_sector_at(step->dst, step->dst_off + at, &sector);

        if (err) {
            return err;
        }
        len = part.len = min_u32(sector.size, step->len - at);
        part.dst_off += at;
        part.src_off += at;
        err = swap_apply(swap, &part);
        if (err) {
            return err;
        }
    }
    return DFU_OK;
}

static int scratch_apply(const struct swap *swap, uint32_t n)
{
    struct group group = group_at(swap, n / STATES);
    struct swap_step step = scratch_step(swap, n);
    uint32_t state = n % STATES;
    int err = DFU_OK;

    if (cfg_of(swap->pair)->skip && state > 0 && !group.is_trailer) {
        if (n == 1) { /* the secondary's trailer goes all the same */
            group.len = 0;
            err = erase_group(swap, step.dst, &group, true);
        }
        return err ? err : apply_by_sector(swap, &step);
    }
    if (state == 0 && n > 0) { /* before the first, it was erased while preparing */
        err = slot_erase(swap->pair, step.dst);
    } else if (state == 1) {
        err = erase_group(swap, step.dst, &group, n < STATES);
    } else if (state == 2) {
        err = erase_group(swap, step.dst, &group, group.is_trailer);
    }
    if (!err) {
        err = swap_copy(swap, &step);
    }
    return err || state != 2 || !group.is_trailer ? err : move_trailer(swap);
}

static int scratch_recorded(const struct swap *swap, uint32_t n)
{
    return n == STATES - 1 && group_at(swap, 0).is_trailer ? retire_scratch(swap) : DFU_OK;
}

static const struct swap_plan scratch_plan = {
    .algorithm = "scratch",
    .first_records = STATES - 1,
    .takes_empty = true,
    .measure = scratch_measure,
    .steps = scratch_steps,
    .step = scratch_step,
    .mark = scratch_mark,
    .header = scratch_header,
    .prepare = scratch_prepare,
    .ready = scratch_ready,
    .apply = scratch_apply,
    .recorded = scratch_recorded,
};

const struct dfu_boot_strategy dfu_boot_swap_scratch = {
    .mode = DFU_MODE_SWAP_SCRATCH,
    .start = boot_upgrade,
    .look = boot_upgrade_look,
    .plan = &scratch_plan,
    .copy = copy_slot_into_broken_primary,
};
