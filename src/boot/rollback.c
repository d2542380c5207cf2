/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The counter moves only for an image that is here to stay: one without a trailer, or confirmed.
 * So an image that is on trial can always be left for the one before it. */
#include "boot/rollback.h"

#include "base/bytes.h"
#include "boot/pick.h"
#include "boot/place_reader.h"
#include "boot/slot_ops.h"
#include "boot/stay.h"
#include "dfu/err.h"

static void emit(const struct dfu_boot_config *cfg, enum dfu_boot_event_id id, uint32_t a,
                 uint32_t b)
{
    const struct dfu_boot_event event = { .id = id, .a = a, .b = b };

    if (cfg->event) {
        cfg->event(cfg->ctx, &event);
    }
}

int rollback_counter_of(const struct dfu_reader *reader, uint32_t *value)
{
    struct dfu_image image;
    struct dfu_image_tlv tlv;
    uint8_t raw[sizeof *value] = { 0 };
    int len;

    if (dfu_image_open(&image, reader, 0) != DFU_IMAGE_FINE) {
        return DFU_ERR_FORMAT;
    }
    len = dfu_image_tlv_find(&image, DFU_TLV_SEC_CNT, true, &tlv);
    if (len == DFU_ERR_NOENT) {
        return 0;
    }
    if (!len) {
        len = dfu_image_tlv_read(&image, &tlv, raw, sizeof raw);
    }
    if (len != (int)sizeof raw) {
        return len < 0 ? len : DFU_ERR_FORMAT;
    }
    *value = get_le32(raw);
    return 1;
}

static enum dfu_image_fault check(const struct check_subject *subject, bool is_repeated)
{
    const struct dfu_boot_counter *counter = fixed_boot(subject->kept)->counter;
    uint32_t value, kept;
    int has = rollback_counter_of(subject->reader, &value);

    if (has <= 0) {
        return has < 0 ? DFU_IMAGE_UNREADABLE : DFU_IMAGE_COUNTER_MISSING;
    }
    if (counter->get(counter->ctx, subject->image, &kept)) {
        return DFU_IMAGE_UNREADABLE;
    }
    if (value < kept) {
        if (!is_repeated) {
            emit(fixed_boot(subject->kept), DFU_BOOT_EV_COUNTER_TOO_LOW, value, kept);
        }
        return DFU_IMAGE_COUNTER_TOO_LOW;
    }
    return DFU_IMAGE_FINE;
}

static int raise_one(const struct dfu_boot_config *cfg, uint8_t image,
                     const struct dfu_boot_place *place)
{
    const struct dfu_boot_counter *counter = cfg->counter;
    struct place_span span;
    struct dfu_reader reader = place_reader(place, &span);
    uint32_t value, kept;

    if (rollback_counter_of(&reader, &value) != 1 || !is_here_to_stay(cfg, place)) {
        return DFU_OK;
    }
    if (counter->get(counter->ctx, image, &kept)) {
        return DFU_ERR_IO;
    }
    return value > kept ? counter->raise(counter->ctx, image, value) : DFU_OK;
}

/* A counter that cannot be raised is told, and no reason not to run what was verified. */
static void raise_all(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        int err = DFU_OK;

        if (out->places[i].area && !out->places[i].is_loader) {
            err = raise_one(cfg, i, &out->places[i]);
        }
        if (err) {
            emit(cfg, DFU_BOOT_EV_COUNTER_FAILED, i, (uint32_t)-err);
        }
    }
}

static bool is_lower(const struct boot_pair *pair)
{
    uint32_t off = dfu_slot_upload_offset(cfg_of(pair)->map, pair->image);
    struct dfu_area_span primary = { pair->primary, 0 };
    struct dfu_area_span secondary = { pair->secondary, off };
    struct dfu_reader runs = dfu_area_reader(&primary);
    struct dfu_reader offered = dfu_area_reader(&secondary);
    uint32_t current, next;

    return rollback_counter_of(&runs, &current) == 1 &&
           (rollback_counter_of(&offered, &next) != 1 || next < current);
}

const struct dfu_boot_rollback dfu_boot_rollback = { check, raise_all, is_lower };
