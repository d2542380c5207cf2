/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/copy.h"

#include "base/bytes.h"
#include "boot/keys.h"
#include "boot/progress.h"
#include "boot/skip.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

static void announce(const struct boot_pair *pair)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_OVERWRITE, .a = pair->image });
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_ERASING_PRIMARY });
}

void copy_announce(const struct boot_pair *pair, uint32_t size)
{
    boot_emit(pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_COPYING, .a = pair->image, .b = size });
}

/* Whole sectors from the start until size bytes are erased, then those of the trailer, first to
 * last. */
static int make_room(const struct boot_pair *pair, uint32_t size)
{
    struct dfu_sector last, first;
    struct dfu_trailer at;
    int err = dfu_area_sector_at(pair->primary, size - 1, &last);

    if (!err) {
        err = dfu_slot_trailer(cfg_of(pair)->map, pair->primary, &at);
    }
    if (!err) {
        err = dfu_area_sector_at(pair->primary, at.status, &first);
    }
    if (!err) {
        err = slot_erase_span(pair, pair->primary, 0, last.off + last.size);
    }
    if (err) {
        return err;
    }
    return slot_erase_span(pair, pair->primary, first.off, pair->primary->size - first.off);
}

int copy_make_room(const struct boot_pair *pair, uint32_t size, bool whole)
{
    const struct dfu_area *primary = pair->primary;
    uint32_t erases = whole ? primary->size : size + primary->runs[primary->run_count - 1].size;

    announce(pair);
    progress_begin_copy(pair, erases, size);
    return whole ? slot_erase(pair, pair->primary) : make_room(pair, size);
}

/* The secondary's image on its way into the primary. */
struct opened {
    const struct boot_pair *pair;
    struct dfu_content_key key;
};

static int open_update(const struct boot_pair *pair, struct opened *out)
{
    *out = (struct opened){ .pair = pair };
    return cfg_of(pair)->encryption
               ? cfg_of(pair)->encryption->find(
                     pair, (struct swap_place){ pair->secondary, pair->update_off }, &out->key)
               : DFU_OK;
}

/* [off, off + len) of both slots. */
static int copy_opened(const struct opened *update, uint32_t off, uint32_t len)
{
    const struct boot_pair *pair = update->pair;
    struct slot_cipher cipher = { &update->key, off };

    return slot_copy_through(pair, cipher, pair->primary, off, pair->secondary,
                             pair->update_off + off, len);
}

/* ---- Leaving alone what is right already ---- */

static int copy_sector(const struct opened *update, const struct dfu_sector *sector, uint32_t len)
{
    const struct boot_pair *pair = update->pair;
    struct slot_cipher cipher = { &update->key, sector->off };
    int equal = skip_is_equal(pair, cipher, pair->primary, sector->off, pair->secondary,
                              pair->update_off + sector->off, len);
    int err;

    if (equal != 0) {
        progress_moved(pair, pair->primary, sector->size, len);
        return equal < 0 ? equal : DFU_OK;
    }
    err = slot_erase_span(pair, pair->primary, sector->off, sector->size);
    return err ? err : copy_opened(update, sector->off, len);
}

/* The first size bytes, sector by sector, into a primary whose trailer goes first: its magic must
 * not outlive what it vouches for. What a sector holds beyond size goes only if it is written. */
static int copy_changed(const struct opened *update, uint32_t size)
{
    const struct boot_pair *pair = update->pair;
    struct dfu_sector sector, first;
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, pair->primary, &at);

    if (!err) {
        err = dfu_area_sector_at(pair->primary, at.status, &first);
    }
    if (!err) {
        err = slot_erase_span(pair, pair->primary, first.off, pair->primary->size - first.off);
    }
    for (uint32_t off = 0; !err && off < min_u32(size, first.off); off += sector.size) {
        err = dfu_area_sector_at(pair->primary, off, &sector);
        if (!err) {
            err = copy_sector(update, &sector, min_u32(size - off, sector.size));
        }
    }
    return err || size <= first.off ? err : copy_opened(update, first.off, size - first.off);
}

/* The first size bytes, into a primary that was made room in if nothing is left alone. */
static int copy_update(const struct boot_pair *pair, uint32_t size)
{
    struct opened update;
    int err = open_update(pair, &update);

    if (!err) {
        err = cfg_of(pair)->skip ? copy_changed(&update, size) : copy_opened(&update, 0, size);
    }
    if (cfg_of(pair)->encryption) {
        wipe_secret(&update.key, sizeof update.key);
    }
    return err;
}

int copy_image(const struct boot_pair *pair)
{
    struct slot_extent extent;
    uint32_t size;
    int err = slot_image_extent(pair->secondary, pair->update_off, &extent);

    if (err) {
        return err;
    }
    announce(pair);
    /* To the write unit, and no further: one unit more (B7) would reach into the trailer where
     * the image is as large as can be. */
    size = round_up(extent.end, pair->primary->write_size);
    if (size == 0 || size > pair->secondary->size - pair->update_off) {
        return DFU_ERR_FORMAT;
    }
    progress_begin_copy(pair, size + pair->primary->runs[pair->primary->run_count - 1].size, size);
    err = cfg_of(pair)->skip ? DFU_OK : make_room(pair, size);
    if (err) {
        return err;
    }
    copy_announce(pair, size);
    err = copy_update(pair, size);
    progress_end(pair);
    return err ? err : dfu_trailer_write_magic(cfg_of(pair)->map, pair->primary);
}

/* From off to the end of the primary, each run of units that hold something in one write. Those that
 * hold nothing are left unprogrammed, so that they still can be. */
static int copy_sparse(const struct boot_pair *pair, uint32_t off)
{
    const uint32_t end = pair->primary->size, unit = pair->primary->write_size;

    for (uint32_t from = off; off <= end; off += unit) {
        int empty = off < end ? dfu_area_is_erased(pair->secondary, off, unit) : 1;

        if (empty > 0) {
            empty = slot_copy(pair, pair->primary, from, pair->secondary, from, off - from);
            from = off + unit;
        }
        if (empty < 0) {
            return empty;
        }
    }
    return DFU_OK;
}

/* Where a copy of the whole slot need not be whole any more. Flags that the request left erased must stay
 * programmable: the application confirms there. */
static int find_sparse(const struct boot_pair *pair, uint32_t *off)
{
    struct slot_extent extent = { 0, 0 };
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, pair->primary, &at);

    *off = at.swap_info;
    if (!err && !cfg_of(pair)->skip) {
        err = slot_image_extent(pair->secondary, pair->update_off, &extent);
        *off = min_u32(*off, round_up(extent.end, pair->primary->write_size));
    }
    *off = round_down(*off, pair->primary->write_size);
    return err;
}

int copy_slot(const struct boot_pair *pair)
{
    const struct dfu_area *primary = pair->primary;
    uint32_t sparse;
    int err = find_sparse(pair, &sparse);

    if (err) {
        return err;
    }
    announce(pair);
    progress_begin_copy(pair, primary->size, sparse);
    err = cfg_of(pair)->skip ? DFU_OK : slot_erase(pair, primary);
    if (err) {
        return err;
    }
    copy_announce(pair, primary->size);
    err = copy_update(pair, sparse);
    if (!err) {
        err = copy_sparse(pair, sparse);
    }
    progress_end(pair);
    return err;
}

int copy_drop_request(const struct boot_pair *pair)
{
    struct dfu_sector last;
    int err = dfu_area_sector_at(pair->secondary, pair->secondary->size - 1, &last);

    return err ? err : slot_erase_span(pair, pair->secondary, last.off, last.size);
}

int copy_into_broken_primary(const struct boot_pair *pair)
{
    int err = copy_image(pair);

    return err ? err : copy_drop_request(pair);
}

int copy_retire_secondary(const struct boot_pair *pair)
{
    struct dfu_sector first;
    int err = dfu_area_sector_at(pair->secondary, 0, &first);

    if (!err) {
        err = slot_erase_span(pair, pair->secondary, first.off, first.size);
    }
    return err ? err : copy_drop_request(pair);
}

/* The trailer that came along is the request's, if there was one. MCUboot leaves one without a
 * magic otherwise (B5). */
int copy_slot_into_broken_primary(const struct boot_pair *pair)
{
    struct dfu_slot_state state;
    int err = copy_slot(pair);

    if (!err) {
        err = dfu_slot_state_read(cfg_of(pair)->map, pair->primary, &state);
    }
    if (!err && state.magic == DFU_MAGIC_UNSET) {
        err = dfu_trailer_write_magic(cfg_of(pair)->map, pair->primary);
    }
    return err ? err : copy_retire_secondary(pair);
}
