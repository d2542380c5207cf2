/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Facts in the order in which MCUboot finds and reports them. */
#include "boot/look.h"

#include "base/bytes.h"
#include "boot/check.h"
#include "boot/rollback.h"
#include "boot/slot_ops.h"
#include "boot/swap.h"
#include "dfu/err.h"
#include "image/decrypt.h"

static const struct dfu_slot_state empty_trailer = {
    .magic = DFU_MAGIC_UNSET,
    .image_ok = DFU_FLAG_UNSET,
    .copy_done = DFU_FLAG_UNSET,
    .swap_type = DFU_SWAP_NONE,
};

/* ---- Slots ---- */

static bool has_too_many_sectors(const struct boot_pair *pair, const struct dfu_area *area)
{
    uint16_t most = pair->cfg->map->max_sectors;

    if (dfu_area_sector_count(area) <= most) {
        return false;
    }
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SECTORS_FAILED, .a = most });
    return true;
}

static int look_at_slots(const struct boot_pair *pair)
{
    enum dfu_slot_fit fit;

    if (has_too_many_sectors(pair, pair->primary)) {
        return DFU_ERR_NOTSUP;
    }
    fit = dfu_slot_compatible(pair->cfg->map, pair->image);
    if (has_too_many_sectors(pair, pair->secondary)) {
        fit = DFU_SLOTS_SECTORS_DIFFER; /* so MCUboot: it then has no sector list to compare */
    }
    if (fit != DFU_SLOTS_FIT) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INCOMPATIBLE,
                                                 .text = dfu_slot_fit_text(fit) });
        return DFU_ERR_NOTSUP;
    }
    return DFU_OK;
}

/* ---- Trailers and status ---- */

static int look_at_trailers(const struct boot_pair *pair, struct boot_facts *facts)
{
    const struct dfu_slot_map *map = pair->cfg->map;
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
    return err;
}

/* Whether a swap that begins now would have the size that the primary's trailer records. Asked
 * only where it matters: it costs reading both images' headers and TLV areas. */
static int compare_sizes(const struct boot_pair *pair, struct boot_facts *facts,
                         const struct swap *swap)
{
    uint32_t recorded, fresh;
    int err;

    if (facts->primary.magic != DFU_MAGIC_GOOD || facts->secondary.magic != DFU_MAGIC_GOOD ||
        facts->primary.copy_done != DFU_FLAG_UNSET || facts->primary.swap_type == DFU_SWAP_NONE) {
        return DFU_OK;
    }
    err = swap_recorded_size(swap, &recorded);
    if (!err) {
        err = swap_new_size(pair, &fresh);
    }
    facts->is_size_known = !err && recorded == fresh;
    return err;
}

static int look_at_status(const struct boot_pair *pair, struct boot_facts *facts, struct swap *swap)
{
    enum boot_source source = boot_source_of(facts->mode, &facts->primary, &facts->secondary);
    int err = swap_init(swap, pair, facts->primary.swap_type);

    boot_emit_trailer(pair, "Primary image", &facts->primary);
    boot_emit_trailer(pair, "Secondary image", &facts->secondary);
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_SOURCE,
                                             .text = source == BOOT_SOURCE_PRIMARY ? "primary slot"
                                                                                   : "none" });
    if (!err && source == BOOT_SOURCE_NONE) {
        return compare_sizes(pair, facts, swap);
    }
    if (!err) {
        swap->is_recorded = true;
        err = swap_read_progress(swap);
        facts->done = swap->done;
    }
    if (err && err != DFU_ERR_POWER) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_STATUS_FAILED, .a = pair->image });
    }
    return err;
}

/* A begun swap needs both headers where its progress puts them; before one the primary's is
 * enough, and not even that if a broken primary may be filled. */
static int look_at_headers(const struct boot_pair *pair, const struct boot_facts *facts,
                           const struct swap *swap)
{
    struct dfu_image_header header;
    bool found = true;
    int err = DFU_OK;

    if (facts->done > 0) {
        err = swap_headers_are_found(swap, &found);
    } else if (!pair->cfg->bootstrap) {
        err = slot_header_read(pair->primary, 0, &header);
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

int look_at_pair(const struct boot_pair *pair, struct boot_facts *facts, struct swap *swap)
{
    bool swaps = pair->cfg->strategy->plan != NULL;
    int err;

    *swap = (struct swap){ .pair = pair };
    *facts = (struct boot_facts){
        .mode = pair->cfg->map->mode,
        .primary = empty_trailer,
        .secondary = empty_trailer,
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
    facts->can_upgrade = err == DFU_OK;
    return err;
}

/* ---- Images ---- */

/* The largest image a slot may hold; where the slots do not work together, the primary still may
 * run what does not reach into its trailer. 0: nothing. */
static uint32_t size_limit(const struct boot_pair *pair)
{
    const struct dfu_slot_map *map = pair->cfg->map;
    uint32_t limit = dfu_slot_max_image(map, pair->image);
    struct dfu_trailer at;

    if (limit > 0 || map->mode == DFU_MODE_SWAP_SCRATCH ||
        dfu_area_sector_count(pair->primary) > map->max_sectors ||
        dfu_slot_trailer(map, pair->primary, &at)) {
        return limit;
    }
    return pair->cfg->strategy->plan ? at.status : at.swap_info;
}

struct swap_place look_where_secondary_is(const struct boot_pair *pair, enum dfu_swap_type type)
{
    uint32_t off = dfu_slot_upload_offset(pair->cfg->map, pair->image);

    return (struct swap_place){ pair->secondary, type == DFU_SWAP_REVERT ? 0 : off };
}

static void verify_slot(const struct boot_pair *pair, const struct dfu_area *area,
                        struct dfu_image_report *report)
{
    const struct dfu_boot_config *cfg = pair->cfg;
    struct dfu_area_span span = { area, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_image_policy policy = cfg->policy;

    policy.body_is_clear = area == pair->primary;
    check_image(
        &(struct check_subject){ cfg, &policy, &reader, size_limit(pair), pair->image, true },
        report);
}

static enum boot_check check_header(const struct dfu_area *area, struct dfu_image_header *header,
                                    struct dfu_image_report *report)
{
    *header = (struct dfu_image_header){ 0 };
    *report = (struct dfu_image_report){ .fault = DFU_IMAGE_BAD_MAGIC, .key_index = -1 };
    if (slot_header_is_erased(area, 0) == 1) {
        return BOOT_CHECK_EMPTY;
    }
    if (slot_header_read(area, 0, header) == DFU_OK &&
        (header->flags & DFU_IMAGE_F_NON_BOOTABLE) != 0) {
        return BOOT_CHECK_NOT_BOOTABLE;
    }
    return BOOT_CHECK_GOOD;
}

/* A swap keeps the key in its trailers. */
static bool has_room_for_key(const struct boot_pair *pair, const struct dfu_image_header *header)
{
    const struct dfu_slot_map *map = pair->cfg->map;

    return !pair->cfg->encryption || !pair->cfg->strategy->plan || map->keeps_wrapped_keys ||
           content_key_len(header->flags) <= map->key_size;
}

static enum boot_check check_slot(const struct boot_pair *pair, const struct dfu_area *area,
                                  const char *name, struct dfu_image_report *report)
{
    verify_slot(pair, area, report);
    if (dfu_verdict_is_trusted(&report->verdict)) {
        return BOOT_CHECK_GOOD;
    }
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_INVALID_SLOT,
                                             .a = pair->image,
                                             .b = report->fault,
                                             .text = name });
    return report->fault == DFU_IMAGE_UNREADABLE ? BOOT_CHECK_UNREADABLE : BOOT_CHECK_INVALID;
}

static bool has_lower_version(const struct boot_pair *pair, const struct dfu_image_header *update)
{
    struct dfu_image_header current;

    return slot_header_read(pair->primary, 0, &current) == DFU_OK &&
           dfu_image_version_compare(&update->version, &current.version, false) < 0;
}

/* A primary that does not verify is nothing to fall back to: MCUboot compares with whatever its
 * header holds, which after a cut in an overwrite may be anything. */
static bool is_downgrade(const struct boot_pair *pair, const struct dfu_image_header *update)
{
    const struct dfu_boot_config *cfg = pair->cfg;
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
    enum boot_check check = check_header(pair->primary, &header, report);

    return check == BOOT_CHECK_GOOD ? check_slot(pair, pair->primary, "primary", report) : check;
}

/* Overwriting is refused before the image is verified; a swap after, and never when it goes back. */
enum boot_check look_at_secondary(const struct boot_pair *pair, enum dfu_swap_type type,
                                  struct dfu_image_report *report)
{
    bool swaps = pair->cfg->strategy->plan != NULL;
    struct dfu_image_header header;
    enum boot_check check = check_header(pair->secondary, &header, report);

    if (check != BOOT_CHECK_GOOD) {
        return check;
    }
    if (!swaps && is_downgrade(pair, &header)) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_VERSION_TOO_LOW, .a = pair->image });
        return BOOT_CHECK_TOO_OLD;
    }
    if (!has_room_for_key(pair, &header)) {
        report->fault = DFU_IMAGE_NOT_SUPPORTED;
        return BOOT_CHECK_INVALID;
    }
    check = check_slot(pair, pair->secondary, "secondary", report);
    if (check == BOOT_CHECK_GOOD && swaps && (type == DFU_SWAP_TEST || type == DFU_SWAP_PERM) &&
        is_downgrade(pair, &header)) {
        boot_emit(pair,
                  (struct dfu_boot_event){ .id = DFU_BOOT_EV_DOWNGRADE_ERASED, .a = pair->image });
        return BOOT_CHECK_TOO_OLD;
    }
    return check;
}
