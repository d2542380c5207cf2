/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Facts in the order in which MCUboot finds and reports them. */
#include "boot/look.h"

#include "base/bytes.h"
#include "boot/check.h"
#include "boot/locate.h"
#include "boot/rollback.h"
#include "boot/slot_ops.h"
#include "boot/spare.h"
#include "boot/swap.h"
#include "boot/way_back.h"
#include "dfu/err.h"
#include "image/decrypt.h"
#include "image/fixed.h"

static const struct dfu_slot_state empty_trailer = {
    .magic = DFU_MAGIC_UNSET,
    .image_ok = DFU_FLAG_UNSET,
    .copy_done = DFU_FLAG_UNSET,
    .swap_type = DFU_SWAP_NONE,
};

/* ---- Slots ---- */

static bool has_too_many_sectors(const struct boot_pair *pair, const struct dfu_area *area)
{
    return !fixed_sectors_fit(pair->kept) &&
           dfu_area_sector_count(area) > cfg_of(pair)->map->max_sectors;
}

static bool emit_too_many_sectors(const struct boot_pair *pair, const struct dfu_area *area)
{
    bool has = has_too_many_sectors(pair, area);

    if (has) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SECTORS_FAILED,
                                                 .a = cfg_of(pair)->map->max_sectors });
    }
    return has;
}

static enum dfu_slot_fit fit_of(const struct boot_pair *pair)
{
    if (has_too_many_sectors(pair, pair->secondary)) {
        /* So MCUboot: it then has no sector list to compare. */
        return cfg_of(pair)->map->mode == DFU_MODE_SWAP_OFFSET ? DFU_SLOTS_COUNT_DIFFERS
                                                               : DFU_SLOTS_SECTORS_DIFFER;
    }
    return dfu_slot_compatible(cfg_of(pair)->map, pair->image);
}

/* Scratch mode: no image fits slots whose sectors can not be exchanged. */
static bool has_no_limit(const struct boot_pair *pair)
{
    enum dfu_slot_fit fit = fit_of(pair);

    return cfg_of(pair)->map->mode == DFU_MODE_SWAP_SCRATCH &&
           !has_too_many_sectors(pair, pair->primary) &&
           (fit == DFU_SLOTS_SECTORS_DIFFER || fit == DFU_SLOTS_SCRATCH_TOO_SMALL);
}

/* DFU_ERR_NOTSUP if the slots do not fit together. */
static int emit_misfit(const struct boot_pair *pair)
{
    enum dfu_slot_fit fit = fit_of(pair);

    if (fit == DFU_SLOTS_FIT) {
        return DFU_OK;
    }
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INCOMPATIBLE,
                                             .text = dfu_slot_fit_text(fit) });
    return DFU_ERR_NOTSUP;
}

static int look_at_slots(struct boot_pair *pair)
{
    int err;

    if (emit_too_many_sectors(pair, pair->primary)) {
        return DFU_ERR_NOTSUP;
    }
    if (emit_too_many_sectors(pair, pair->secondary)) {
        locate_announce(pair); /* without a list MCUboot looks twice */
    }
    err = locate_update(pair, DFU_SWAP_NONE, DFU_SWAP_NONE);
    if (err) {
        return err;
    }
    return emit_misfit(pair);
}

/* ---- Trailers and status ---- */

static int look_at_trailers(const struct boot_pair *pair, struct boot_facts *facts)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;
    int err = dfu_slot_state_read(map, pair->primary, &facts->primary);

    if (err) {
        return err;
    }
    err = dfu_slot_state_read(map, pair->secondary, &facts->secondary);
    if (err && err != DFU_ERR_POWER) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SECONDARY_UNREADABLE,
                                                 .a = pair->image });
        facts->secondary = empty_trailer;
        err = DFU_OK;
    }
    if (!err && map->scratch) {
        err = dfu_slot_state_read(map, map->scratch, &facts->scratch);
    }
    return err;
}

/* Whether a swap that begins now would have the size that the primary's trailer records. Asked
 * only where it matters: it costs reading both images' headers and TLV areas. */
static int compare_sizes(const struct boot_pair *pair, struct boot_facts *facts,
                         const struct swap *swap)
{
    struct boot_pair as_recorded = *pair;
    uint32_t recorded, fresh;
    int err;

    if (facts->primary.magic != DFU_MAGIC_GOOD || facts->secondary.magic != DFU_MAGIC_GOOD ||
        facts->primary.copy_done != DFU_FLAG_UNSET || facts->primary.swap_type == DFU_SWAP_NONE) {
        return DFU_OK;
    }
    if (facts->primary.swap_type == DFU_SWAP_REVERT) {
        as_recorded.update_off = 0; /* whatever the secondary now seems to ask for */
    }
    err = swap_recorded_size(swap, &recorded);
    if (!err) {
        err = swap_new_size(&as_recorded, &fresh);
    }
    facts->is_size_known = !err && recorded == fresh;
    return err;
}

static int read_progress(struct boot_facts *facts, struct swap *swap)
{
    int err = swap_read_progress(swap);

    facts->done = swap->done;
    facts->steps = err || swap->count == 0 ? 0 : cfg_of(swap->pair)->strategy->plan->steps(swap);
    return err;
}

/* Trailers alone do not always say whose records count. Those of an earlier swap, which lacks its
 * copy_done (complete.c), say nothing of the one in scratch. */
static int look_at_own_records(struct boot_facts *facts, struct swap *swap)
{
    int err;

    if (!boot_is_noted_twice(facts) && !boot_is_revert_prepared_twice(facts)) {
        return DFU_OK;
    }
    err = read_progress(facts, swap);
    facts->own_done = facts->done;
    if (mode_of(facts) == DFU_MODE_SWAP_SCRATCH && facts->scratch.image_num == facts->image &&
        swap_is_scratch_newer(swap) > 0) {
        facts->own_done = 0;
    }
    return err == DFU_ERR_POWER ? err : DFU_OK;
}

/* So much of the scratch area's trailer is shown as it stands: what lies there is often no trailer,
 * but the end of a sector. */
static struct dfu_slot_state shown_scratch(const struct boot_facts *facts, const struct swap *swap)
{
    const struct dfu_area *scratch = cfg_of(swap->pair)->map->scratch;
    struct dfu_slot_state shown = facts->scratch;
    uint8_t raw;

    if (dfu_area_read(scratch, swap->scratch_at.swap_info, &raw, 1) == DFU_OK &&
        raw != scratch->erased && (raw & 0x0fu) == 0) {
        shown.swap_type = (enum dfu_swap_type)0;
    }
    return shown;
}

static void announce_status(const struct boot_pair *pair, const struct boot_facts *facts,
                            const struct swap *swap)
{
    static const char *const names[] = {
        [BOOT_SOURCE_NONE] = "none",
        [BOOT_SOURCE_PRIMARY] = "primary slot",
        [BOOT_SOURCE_SCRATCH] = "scratch",
    };
    struct dfu_slot_state other = facts->secondary;
    bool has_scratch = cfg_of(pair)->map->scratch != NULL;

    if (has_scratch) {
        other = shown_scratch(facts, swap);
    }
    boot_emit_trailer(pair, "Primary image", &facts->primary);
    boot_emit_trailer(pair, has_scratch ? "Scratch" : "Secondary image", &other);
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SOURCE,
                                             .text = names[boot_source_of(facts)] });
}

/* The records of the area that has them. A primary without a whole magic has none, whatever its
 * bytes are: an image may reach there (N4). */
static int look_at_records(struct boot_facts *facts, struct swap *swap)
{
    enum boot_source source = boot_source_of(facts);

    swap->is_in_scratch = source == BOOT_SOURCE_SCRATCH;
    swap->is_recorded = boot_has_begun(facts);
    swap->type = swap->is_in_scratch ? facts->scratch.swap_type : facts->primary.swap_type;
    if (!swap->is_recorded) {
        facts->done = 0;
        return dfu_area_read(swap->pair->primary,
                             swap->at.status + (swap->at.status_count - 1) * swap->at.status_stride,
                             cfg_of(swap->pair)->buf, 1);
    }
    return read_progress(facts, swap);
}

/* The request for the old image stands only for the time in which the primary's trailer is made
 * anew, or beyond it where it was about to be erased. */
static int look_at_rest(struct boot_facts *facts, struct swap *swap, bool is_done)
{
    static const struct dfu_slot_state over = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_SET,
                                                DFU_SWAP_TEST, 0 };
    const struct dfu_slot_state *secondary = &facts->secondary;
    int rest = 0;

    if (is_done) {
        rest = swap_is_withdrawing(swap);
    } else if (secondary->magic == DFU_MAGIC_GOOD &&
               (secondary->image_ok == DFU_FLAG_SET || secondary->copy_done == DFU_FLAG_SET) &&
               way_back_may_be_told(swap->pair, &facts->primary)) {
        rest = spare_is_trial_over(swap->pair);
    }
    if (rest > 0) {
        facts->rest = is_done ? BOOT_REST_REQUEST : BOOT_REST_TRAILER;
        facts->primary = is_done ? facts->primary : over;
        facts->secondary = empty_trailer;
        swap->type = DFU_SWAP_TEST;
        return swap_requested_size(swap, &swap->size);
    }
    return rest;
}

/* A trial's copy_done may be noted elsewhere (complete.c). */
static int look_at_trial_end(struct boot_facts *facts, struct swap *swap)
{
    struct dfu_slot_state *primary = &facts->primary;
    struct boot_facts own = *facts;
    int err;

    if (cfg_of(swap->pair)->strategy->plan->request_back) {
        return look_at_rest(facts, swap,
                            primary->magic == DFU_MAGIC_GOOD && primary->copy_done == DFU_FLAG_SET);
    }
    if (primary->magic != DFU_MAGIC_GOOD || primary->copy_done != DFU_FLAG_UNSET ||
        primary->swap_type != DFU_SWAP_TEST) {
        return DFU_OK;
    }
    err = spare_is_trial_over(swap->pair);
    if (err > 0) {
        err = read_progress(&own, swap);
        if (!err && own.steps > 0 && own.done == own.steps) {
            primary->copy_done = DFU_FLAG_SET;
        }
    }
    return err == DFU_ERR_POWER ? err : DFU_OK;
}

static int look_at_status(const struct boot_pair *pair, struct boot_facts *facts, struct swap *swap)
{
    int err = swap_init(swap, pair, facts->primary.swap_type);

    if (!err) {
        err = look_at_own_records(facts, swap);
    }
    if (!err) {
        err = look_at_trial_end(facts, swap);
    }
    announce_status(pair, facts, swap);
    if (!err && boot_source_of(facts) == BOOT_SOURCE_NONE) {
        return compare_sizes(pair, facts, swap);
    }
    if (!err) {
        err = look_at_records(facts, swap);
    }
    if (err && err != DFU_ERR_POWER) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_STATUS_FAILED, .a = pair->image });
    }
    return err;
}

/* Before a swap the primary's header is enough, in swap using scratch not even that; nor where a
 * broken primary may be filled. */
static int look_at_headers_in_place(struct boot_pair *pair, enum dfu_swap_type recorded,
                                    enum dfu_swap_type decided)
{
    bool is_needed = !cfg_of(pair)->bootstrap && cfg_of(pair)->map->mode != DFU_MODE_SWAP_SCRATCH;
    struct dfu_image_header header;
    int err;

    if (recorded != DFU_SWAP_REVERT) {
        locate_announce(pair);
    }
    err = slot_header_read(pair->primary, 0, &header);
    if (err == DFU_ERR_FORMAT && !is_needed) {
        return DFU_OK;
    }
    return err ? err : locate_update(pair, recorded, decided);
}

/* Torn trailers may seem to ask for something else. */
static enum dfu_swap_type decided_type(const struct boot_facts *facts)
{
    struct boot_facts able = *facts;

    able.can_upgrade = true;
    return boot_decide(&able).type;
}

/* A begun swap needs the headers where its progress puts them. */
static int look_at_headers(struct boot_pair *pair, const struct boot_facts *facts,
                           const struct swap *swap)
{
    bool is_begun = boot_source_of(facts) != BOOT_SOURCE_NONE;
    enum dfu_swap_type recorded = is_begun ? facts->primary.swap_type : DFU_SWAP_NONE;
    bool found = true;
    int err;

    if (facts->done == 0) {
        err = look_at_headers_in_place(pair, recorded, decided_type(facts));
    } else {
        for (int slot = 0; slot < 2 && recorded != DFU_SWAP_REVERT; slot++) {
            locate_announce(pair);
        }
        err = swap_headers_are_found(swap, &found);
    }
    if (!found) {
        err = DFU_ERR_FORMAT;
    }
    if (err && err != DFU_ERR_POWER) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_HEADERS_FAILED, .a = pair->image });
    }
    return err;
}

int look_at_pair(struct boot_pair *pair, struct boot_facts *facts, struct swap *swap)
{
    bool swaps = cfg_of(pair)->strategy->plan != NULL;
    int err;

    *swap = (struct swap){ .pair = pair };
    *facts = (struct boot_facts){
        .mode = cfg_of(pair)->map->mode,
        .image = pair->image,
        .primary = empty_trailer,
        .secondary = empty_trailer,
        .scratch = empty_trailer,
    };
    err = look_at_slots(pair);
    if (!err) {
        err = look_at_trailers(pair, facts);
    }
    if (!err && swaps) {
        err = look_at_status(pair, facts, swap);
    }
    if (!err && swaps) {
        err = look_at_headers(pair, facts, swap);
    }
    if (!err && swaps) {
        facts->goes_back = way_back_is_under_way(pair, &facts->primary);
    }
    facts->is_misplaced = pair->is_misplaced;
    facts->can_upgrade = err == DFU_OK;
    return err;
}

/* ---- Images ---- */

/* The largest image a slot may hold; where the slots do not work together, the primary still may
 * run what does not reach into its trailer. 0: nothing. */
static uint32_t size_limit(const struct boot_pair *pair, const struct dfu_area *area)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;
    uint32_t limit = dfu_slot_limit(map, pair->image, area);
    struct dfu_trailer at;

    if (limit > 0 || has_no_limit(pair) || has_too_many_sectors(pair, pair->primary) ||
        dfu_slot_trailer(map, pair->primary, &at)) {
        return limit;
    }
    return cfg_of(pair)->strategy->plan ? at.status : at.swap_info;
}

static uint32_t image_off(const struct boot_pair *pair, const struct dfu_area *area)
{
    return area == pair->secondary ? pair->update_off : 0;
}

static void verify_slot(const struct boot_pair *pair, const struct dfu_area *area,
                        struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);
    struct dfu_area_span span = { area, image_off(pair, area) };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_image_policy policy = copied_policy(&cfg->policy);
    struct dfu_unpacker unpacker;

    if (has_no_limit(pair)) {
        (void)emit_misfit(pair);
    }
    policy.body_is_clear = area == pair->primary;
    if (area == pair->primary) {
        policy.unpacker = NULL; /* what is to run has been decompressed */
    }
    if (policy.unpacker) {
        unpacker = *policy.unpacker;
        unpacker.limit = dfu_slot_limit(cfg->map, pair->image, pair->primary);
        policy.unpacker = &unpacker;
    }
    check_image(&(struct check_subject){ pair->kept, &policy, &reader, size_limit(pair, area),
                                         pair->image, true },
                report);
}

static enum boot_check check_header(const struct boot_pair *pair, const struct dfu_area *area,
                                    struct dfu_image_header *header,
                                    struct dfu_image_report *report)
{
    uint32_t off = image_off(pair, area);

    *header = (struct dfu_image_header){ 0 };
    *report = (struct dfu_image_report){ .fault = DFU_IMAGE_BAD_MAGIC, .key_index = -1 };
    if (slot_header_is_erased(area, off) == 1) {
        return BOOT_CHECK_EMPTY;
    }
    if (slot_header_read(area, off, header) == DFU_OK &&
        (header->flags & DFU_IMAGE_F_NON_BOOTABLE) != 0) {
        return BOOT_CHECK_NOT_BOOTABLE;
    }
    return BOOT_CHECK_GOOD;
}

/* A swap keeps the key in its trailers. */
static bool has_room_for_key(const struct boot_pair *pair, const struct dfu_image_header *header)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;

    return !cfg_of(pair)->encryption || !cfg_of(pair)->strategy->plan || map->keeps_wrapped_keys ||
           content_key_len(header->flags) <= map->key_size;
}

static void emit_invalid(const struct boot_pair *pair, const char *name,
                         const struct dfu_image_report *report)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INVALID_SLOT,
                                             .a = pair->image,
                                             .b = report->fault,
                                             .text = name });
}

static enum boot_check check_slot(const struct boot_pair *pair, const struct dfu_area *area,
                                  const char *name, struct dfu_image_report *report)
{
    verify_slot(pair, area, report);
    if (dfu_verdict_is_trusted(&report->verdict)) {
        return BOOT_CHECK_GOOD;
    }
    emit_invalid(pair, name, report);
    return report->fault == DFU_IMAGE_UNREADABLE ? BOOT_CHECK_UNREADABLE : BOOT_CHECK_INVALID;
}

static bool has_lower_version(const struct boot_pair *pair, const struct dfu_image_header *update)
{
    struct dfu_image_header current;

    return slot_header_read(pair->primary, 0, &current) == DFU_OK &&
           dfu_image_version_compare(&update->version, &current.version,
                                     cfg_of(pair)->compare_build_number) < 0;
}

/* A primary that does not verify is nothing to fall back to: MCUboot compares with whatever its
 * header holds, which after a cut in an overwrite may be anything. */
static bool is_downgrade(const struct boot_pair *pair, const struct dfu_image_header *update)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);
    struct dfu_image_report report;

    if (!(cfg->prevent_downgrade && has_lower_version(pair, update)) &&
        !(cfg->counter_downgrade && cfg->counter_downgrade->is_lower(pair))) {
        return false;
    }
    verify_slot(pair, pair->primary, &report);
    return dfu_verdict_is_trusted(&report.verdict);
}

enum boot_check look_at_primary(const struct boot_pair *pair, struct dfu_image_report *report)
{
    struct dfu_image_header header;
    enum boot_check check = check_header(pair, pair->primary, &header, report);

    return check == BOOT_CHECK_GOOD ? check_slot(pair, pair->primary, "primary", report) : check;
}

/* An update whose first sector lies where that of the old image will be stored. */
static bool is_stored_too_low(const struct boot_pair *pair, enum dfu_swap_type type)
{
    struct dfu_image_header header;

    return (type == DFU_SWAP_TEST || type == DFU_SWAP_PERM) &&
           dfu_slot_upload_offset(cfg_of(pair)->map, pair->image) > 0 &&
           slot_header_read(pair->secondary, 0, &header) == DFU_OK;
}

/* Overwriting is refused before the image is verified; a swap after, and never when it goes back. */
/* Asked for where images are linked to run from the primary slot and nowhere else. */
static bool is_linked_elsewhere(const struct boot_pair *pair, const struct dfu_image_header *update)
{
    return cfg_of(pair)->check_load_addr &&
           (update->load_addr < pair->primary->base ||
            update->load_addr - pair->primary->base >= pair->primary->size);
}

enum boot_check look_at_secondary(const struct boot_pair *pair, enum dfu_swap_type type,
                                  bool is_recorded, struct dfu_image_report *report)
{
    bool swaps = cfg_of(pair)->strategy->plan != NULL;
    struct dfu_image_header header;
    enum boot_check check = check_header(pair, pair->secondary, &header, report);

    if (check != BOOT_CHECK_GOOD) {
        return check;
    }
    if (!is_recorded && is_stored_too_low(pair, type)) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_STORED_TOO_LOW });
        emit_invalid(pair, "secondary", report);
        return BOOT_CHECK_INVALID;
    }
    if (!swaps && is_downgrade(pair, &header)) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_VERSION_TOO_LOW, .a = pair->image });
        return BOOT_CHECK_TOO_OLD;
    }
    if (!has_room_for_key(pair, &header)) {
        report->fault = DFU_IMAGE_NOT_SUPPORTED;
        emit_invalid(pair, "secondary", report);
        return BOOT_CHECK_INVALID;
    }
    check = check_slot(pair, pair->secondary, "secondary", report);
    if (check == BOOT_CHECK_GOOD && is_linked_elsewhere(pair, &header)) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_NOT_FOR_PRIMARY, .a = pair->image });
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_ERASING_SECONDARY });
        report->fault = DFU_IMAGE_WRONG_ADDRESS;
        return BOOT_CHECK_INVALID;
    }
    if (check == BOOT_CHECK_GOOD && swaps && prevents_downgrade(pair) &&
        (type == DFU_SWAP_TEST || type == DFU_SWAP_PERM || way_back_is_made_up(pair)) &&
        is_downgrade(pair, &header)) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_DOWNGRADE_ERASED, .a = pair->image });
        return BOOT_CHECK_TOO_OLD;
    }
    return check;
}
