/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The swap engine. A step is recorded after it is done and never harms its own source, so a cut
 * at any byte costs at most the repetition of one step. */
#include "boot/swap.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/keys.h"
#include "boot/history.h"
#include "boot/progress.h"
#include "boot/skip.h"
#include "boot/slot_ops.h"
#include "boot/spare.h"
#include "dfu/err.h"

#define SCRATCH_RECORDS 2u /* the third of a group is made in the primary */

static uint32_t records_end(const struct dfu_area *area, const struct dfu_trailer *at,
                            uint32_t count)
{
    return at->status + (count - 1) * at->status_stride + area->write_size;
}

/* Records are as far apart as the larger write unit of primary and scratch, in trailers that have
 * room for as many of their own unit. Where they reach into the size above, or into a key, one could
 * not be told from the other. */
static bool are_records_clear(const struct swap *swap, const struct dfu_area *scratch)
{
    const struct dfu_area *primary = swap->pair->primary;
    uint32_t keys = 2u * cfg_of(swap->pair)->map->key_size;
    uint32_t second = swap->scratch_at.status + swap->scratch_at.status_stride;
    uint32_t end = records_end(scratch, &swap->scratch_at, SCRATCH_RECORDS);

    return records_end(primary, &swap->at, swap->at.status_count) <= swap->at.swap_size - keys &&
           (end <= swap->scratch_at.swap_size - keys ||
            (second >= swap->scratch_at.swap_size + sizeof(uint32_t) &&
             end <= swap->scratch_at.swap_info));
}

int swap_init(struct swap *swap, const struct boot_pair *pair, enum dfu_swap_type type)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;
    int err;

    *swap = (struct swap){ .pair = pair, .type = type };
    err = dfu_slot_trailer(map, pair->primary, &swap->at);
    if (!err && map->scratch) {
        err = dfu_slot_trailer(map, map->scratch, &swap->scratch_at);
        if (!err && !are_records_clear(swap, map->scratch)) {
            err = DFU_ERR_ALIGN;
        }
    }
    return err;
}

static const struct swap_plan *plan_of(const struct swap *swap)
{
    return cfg_of(swap->pair)->strategy->plan;
}

/* The trailer that describes a swap which has begun. */
struct swap_source {
    const struct dfu_area *area;
    const struct dfu_trailer *at;
};

static bool is_in_scratch(const struct swap *swap)
{
    return cfg_of(swap->pair)->map->scratch && swap->is_in_scratch;
}

/* Whose trailer has the record. */
static struct swap_source place_of(const struct swap *swap, const struct swap_mark *mark)
{
    return cfg_of(swap->pair)->map->scratch && mark->area
               ? (struct swap_source){ mark->area, &swap->scratch_at }
               : (struct swap_source){ swap->pair->primary, &swap->at };
}

static struct swap_source source_of(const struct swap *swap)
{
    return is_in_scratch(swap)
               ? (struct swap_source){ cfg_of(swap->pair)->map->scratch, &swap->scratch_at }
               : (struct swap_source){ swap->pair->primary, &swap->at };
}

int swap_new_size(const struct boot_pair *pair, uint32_t *size)
{
    struct slot_extent primary, secondary;
    int err = slot_image_extent(pair->primary, 0, &primary);

    if (!err) {
        err = slot_image_extent(pair->secondary, pair->update_off, &secondary);
    }
    if (!err) {
        *size = max_u32(primary.end, secondary.end);
    }
    return err;
}

static int read_size(const struct dfu_area *area, const struct dfu_trailer *at, uint32_t *size)
{
    uint8_t raw[4];
    int err = dfu_area_read(area, at->swap_size, raw, sizeof raw);

    if (!err) {
        *size = get_le32(raw);
    }
    return err;
}

int swap_recorded_size(const struct swap *swap, uint32_t *size)
{
    struct swap_source from = source_of(swap);

    return read_size(from.area, from.at, size);
}

int swap_requested_size(const struct swap *swap, uint32_t *size)
{
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(swap->pair)->map, swap->pair->secondary, &at);

    return err ? err : read_size(swap->pair->secondary, &at, size);
}

/* ---- Reading the journal ---- */

/* Only the first byte tells: a record that was torn, but not wholly erased, was begun after its
 * step was done. */
static int is_recorded(const struct swap *swap, uint32_t index)
{
    struct swap_source from = source_of(swap);
    uint32_t off = from.at->status + index * from.at->status_stride;
    int erased = dfu_area_is_erased(from.area, off, 1);

    return erased < 0 ? erased : !erased;
}

/* One more than the index of the highest record, 0 if there is none. */
static int count_records(const struct swap *swap, uint32_t *count)
{
    uint32_t all = is_in_scratch(swap) ? SCRATCH_RECORDS : swap->at.status_count;

    *count = 0;
    for (uint32_t i = 0; i < all; i++) {
        int recorded = is_recorded(swap, i);

        if (recorded < 0) {
            return recorded;
        }
        if (recorded) {
            *count = i + 1;
        }
    }
    return DFU_OK;
}

static bool find_step(const struct swap *swap, uint32_t index, uint32_t *n)
{
    uint32_t steps = plan_of(swap)->steps(swap);

    for (*n = 0; *n < steps; ++*n) {
        if (plan_of(swap)->mark(swap, *n).index == index) {
            return true;
        }
    }
    return false;
}

static int report_gaps(const struct swap *swap)
{
    for (uint32_t n = plan_of(swap)->first_records; n < swap->done; n++) {
        int recorded = is_recorded(swap, plan_of(swap)->mark(swap, n).index);

        if (recorded < 0) {
            return recorded;
        }
        if (!recorded) {
            boot_emit(swap->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INCONSISTENT });
            return DFU_OK;
        }
    }
    return DFU_OK;
}

/* Records that their own unit refused. The one of the highest step vouches for all below it. */
static int follow_spares(struct swap *swap)
{
    uint32_t count, n;
    int err = spare_count(swap, &count);

    if (!err && count > 0 && find_step(swap, count - 1, &n)) {
        swap->done = max_u32(swap->done, n + 1);
    }
    return err;
}

int swap_read_progress(struct swap *swap)
{
    const struct swap_plan *plan = plan_of(swap);
    uint32_t records;
    int err = count_records(swap, &records);

    swap->done = 0;
    if (!err) {
        err = swap_recorded_size(swap, &swap->size);
    }
    if (err) {
        return err;
    }
    if (plan->measure(swap)) { /* hostile or damaged: no swap of these slots has this size */
        return records > 0 ? DFU_ERR_FORMAT : DFU_OK;
    }
    if (records > 0) {
        if (!find_step(swap, records - 1, &swap->done)) {
            return DFU_ERR_FORMAT;
        }
        swap->done++;
        err = report_gaps(swap);
    }
    return err ? err : follow_spares(swap);
}

int swap_headers_are_found(const struct swap *swap, bool *found)
{
    *found = true;
    for (int slot = plan_of(swap)->takes_empty ? 1 : 0; slot < 2; slot++) {
        struct swap_place at = plan_of(swap)->header(swap, slot == 0);
        struct dfu_image_header header;
        int err = slot_header_read(at.area, at.off, &header);

        if (err == DFU_ERR_FORMAT) {
            *found = false;
        } else if (err) {
            return err;
        }
    }
    return DFU_OK;
}

/* ---- Writing ---- */

/* A body is plain in the primary and encrypted everywhere else. Where a step belongs in its image
 * is what the primary's offset says, but where the old image was shifted up to make room. */
static struct slot_cipher cipher_of(const struct swap *swap, const struct swap_step *step)
{
    const struct dfu_area *primary = swap->pair->primary;

    if (step->dst == primary && step->src != primary) {
        return (struct slot_cipher){ &swap->keys[1], step->dst_off };
    }
    if (step->src == primary && step->dst != primary) {
        return (struct slot_cipher){ &swap->keys[0], min_u32(step->dst_off, step->src_off) };
    }
    return (struct slot_cipher){ NULL, 0 };
}

/* The first step of a start may have been torn by the last one: cells that read right need not be
 * right, so it is done whatever they read as. A later step was not begun before. */
static int is_done_already(const struct swap *swap, const struct swap_step *step)
{
    return swap->may_be_torn ? 0
                             : skip_is_equal(swap->pair, cipher_of(swap, step), step->dst,
                                             step->dst_off, step->src, step->src_off, step->len);
}

int swap_copy(const struct swap *swap, const struct swap_step *step)
{
    return slot_copy_through(swap->pair, cipher_of(swap, step), step->dst, step->dst_off, step->src,
                             step->src_off, step->len);
}

int swap_apply(const struct swap *swap, const struct swap_step *step)
{
    int err;

    if (step->len == 0) {
        return DFU_OK;
    }
    err = is_done_already(swap, step);
    if (err != 0) {
        progress_moved(swap->pair, step->dst, step->len, step->len);
        return err < 0 ? err : DFU_OK;
    }
    err = slot_erase_span(swap->pair, step->dst, step->dst_off, step->len);
    return err ? err : swap_copy(swap, step);
}

static int write_record(const struct swap *swap, const struct swap_mark *mark)
{
    struct swap_source to = place_of(swap, mark);

    return dfu_area_write_padded(to.area, to.at->status + mark->index * to.at->status_stride,
                                 &mark->state, sizeof mark->state);
}

/* A record whose last write was torn may read erased and still refuse to be programmed. Its step
 * must not be repeated once the next one has begun, so the record goes to a spare place; where
 * that fails too, the swap goes on only if the result will be verified, and not while the primary
 * is untouched: that is so while the records are the scratch area's. */
static int mark_step(struct swap *swap, uint32_t n)
{
    struct swap_mark mark = plan_of(swap)->mark(swap, n);
    int err = write_record(swap, &mark);

    if (err && err != DFU_ERR_POWER) {
        err = spare_write(swap, &mark);
    }
    if (err && err != DFU_ERR_POWER && place_of(swap, &mark).at == &swap->at &&
        cfg_of(swap->pair)->validate_primary) {
        swap->failed_marks++;
        err = DFU_OK;
    }
    return err;
}

int swap_mark_again(const struct swap *swap, uint32_t n)
{
    struct swap_mark mark = plan_of(swap)->mark(swap, n);
    struct swap_source in = place_of(swap, &mark);
    int erased = dfu_area_is_erased(in.area, in.at->status + mark.index * in.at->status_stride, 1);

    return erased > 0 ? spare_write(swap, &mark) : erased;
}

static int carry_out(struct swap *swap, uint32_t n)
{
    const struct swap_plan *plan = plan_of(swap);
    struct swap_step step;
    int err;

    if (plan->apply) {
        err = plan->apply(swap, n);
    } else {
        step = plan->step(swap, n);
        err = swap_apply(swap, &step);
    }
    if (!err) {
        err = mark_step(swap, n);
    }
    return err || !plan->recorded ? err : plan->recorded(swap, n);
}

/* A trailer left by a swap of other images must not be kept: on resume its size would count. */
static int forget_other_swap(struct swap *swap)
{
    uint32_t recorded;
    int err = swap->is_recorded ? swap_recorded_size(swap, &recorded) : DFU_OK;

    if (!err && swap->is_recorded && recorded != swap->size) {
        int erased = dfu_area_is_erased(swap->pair->primary, swap->at.swap_size, sizeof recorded);

        err = erased < 0 ? erased : DFU_OK;
        swap->is_recorded = erased != 0;
    }
    if (!err && swap->is_recorded && cfg_of(swap->pair)->encryption) {
        int same = cfg_of(swap->pair)->encryption->are_written(swap, source_of(swap).area);

        err = same < 0 ? same : DFU_OK;
        swap->is_recorded = same > 0;
    }
    return err;
}

static void wipe_keys(struct swap *swap)
{
    if (cfg_of(swap->pair)->encryption) {
        wipe_secret(swap->keys, sizeof swap->keys);
    }
}

static int measure_new(struct swap *swap)
{
    int err = swap_new_size(swap->pair, &swap->size);

    return err ? err : plan_of(swap)->measure(swap);
}

int swap_measure_new(const struct boot_pair *pair)
{
    struct swap swap;
    int err = swap_init(&swap, pair, DFU_SWAP_NONE);

    if (!err) {
        err = measure_new(&swap);
    }
    if (!err && cfg_of(pair)->encryption) {
        err = cfg_of(pair)->encryption->begin(&swap);
    }
    wipe_keys(&swap);
    return err;
}

static int begin(struct swap *swap)
{
    int err = measure_new(swap);

    if (err == DFU_ERR_NOSPACE) {
        boot_emit(swap->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_NO_ROOM });
        boot_emit(swap->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_NO_ROOM_BYTES,
                                                       .a = swap->required,
                                                       .b = swap->available });
    }
    if (!err && cfg_of(swap->pair)->encryption) {
        err = cfg_of(swap->pair)->encryption->begin(swap);
    }
    if (!err) {
        err = forget_other_swap(swap);
    }
    if (!err) {
        err = spare_forget(swap);
    }
    return err ? err : plan_of(swap)->prepare(swap);
}

static int go_on(struct swap *swap)
{
    const struct dfu_boot_encryption *encryption = cfg_of(swap->pair)->encryption;

    return encryption && swap->done < plan_of(swap)->steps(swap)
               ? encryption->resume(swap, source_of(swap).area)
               : DFU_OK;
}

static int run_steps(struct swap *swap)
{
    const struct swap_plan *plan = plan_of(swap);
    uint32_t first = swap->done, steps = plan->steps(swap);
    int err = plan->ready ? plan->ready(swap) : DFU_OK;

    if (!err) {
        progress_begin_swap(swap);
    }
    for (; !err && swap->done < steps; swap->done += !err) {
        swap->may_be_torn = swap->done == first && swap->is_recorded;
        err = carry_out(swap, swap->done);
    }
    if (!err) {
        progress_end(swap->pair);
    }
    return err;
}

int swap_run(struct swap *swap)
{
    const struct swap_plan *plan = plan_of(swap);
    int err;

    boot_emit(swap->pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_SWAP_STARTS, .text = plan->algorithm });
    err = swap->done == 0 ? begin(swap) : go_on(swap);
    if (!err) {
        err = run_steps(swap);
    }
    wipe_keys(swap);
    if (err) {
        return err;
    }
    if (swap->failed_marks > 0) {
        boot_emit(swap->pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_STATUS_WRITE_FAILS,
                                                       .a = swap->failed_marks });
    }
    err = plan->finish ? plan->finish(swap) : DFU_OK;
    if (!err) {
        err = history_swapped(swap->pair, swap->type);
    }
    return err ? err : swap_complete(swap);
}
