/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "dfu/err.h"
#include "dfu/update.h"

/* ---- Slots ---- */

static void read_keyhash(struct explain_slot *slot, const struct dfu_reader *reader)
{
    struct dfu_image image;
    struct dfu_image_tlv tlv;

    slot->has_keyhash = dfu_image_open(&image, reader, 0) == DFU_IMAGE_FINE &&
                        dfu_image_tlv_find(&image, DFU_TLV_KEYHASH, false, &tlv) == DFU_OK &&
                        dfu_image_tlv_read(&image, &tlv, slot->keyhash, sizeof slot->keyhash) ==
                            sizeof slot->keyhash;
}

static bool read_header(struct explain_slot *slot, uint32_t off)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];

    return dfu_area_read(slot->area, off, raw, sizeof raw) == DFU_OK &&
           dfu_image_header_parse(raw, &slot->header) == DFU_IMAGE_FINE;
}

static void look_at_slot(struct explain *e, struct explain_slot *slot,
                         const struct dfu_image_report *report)
{
    const struct dfu_slot_map *map = &e->board->map;
    struct dfu_area_span span = { slot->area, dfu_boot_get_image_start_offset(map, slot->area) };
    struct dfu_reader reader = dfu_area_reader(&span);

    slot->report = *report;
    slot->is_empty = dfu_area_is_erased(slot->area, 0, sizeof(uint32_t)) == 1 &&
                     dfu_area_is_erased(slot->area, span.off, sizeof(uint32_t)) == 1;
    slot->has_header = read_header(slot, span.off);
    if (!slot->has_header && span.off > 0) {
        span.off = 0;
        slot->has_header = slot->is_former = read_header(slot, 0);
    }
    (void)dfu_slot_state_read(map, slot->area, &slot->trailer);
    read_keyhash(slot, &reader);
    if (report->key_index >= 0 && (size_t)report->key_index < e->keys.count &&
        dfu_verdict_is_trusted(&report->verdict)) {
        slot->key = e->keys.files[report->key_index].path;
    }
}

unsigned explain_taker(const struct explain *e)
{
    return e->board->map.images[0].secondary && e->mode->mode != DFU_MODE_FIRMWARE_LOADER ? 1 : 0;
}

static int look_at_pair(struct explain *e, uint8_t image)
{
    const struct dfu_slot_pair *pair = &e->board->map.images[image];
    struct dfu_boot_outlook *outlook = &e->outlook[image];
    int err = dfu_boot_look(&e->rehearsal.cfg, image, outlook);

    if (err) {
        return cli_fail(e->cli, CLI_USAGE,
                        "the bootloader refuses this set-up (%s); name another --mode or --board",
                        dfu_err_name(err));
    }
    e->limits[image] = dfu_slot_max_image(&e->board->map, image);
    e->slots[image][0].area = pair->primary;
    e->slots[image][1].area = pair->secondary;
    look_at_slot(e, &e->slots[image][0], &outlook->primary_report);
    if (pair->secondary) {
        look_at_slot(e, &e->slots[image][1], &outlook->secondary_report);
    }
    return 0;
}

/* ---- Futures ---- */

const struct dfu_image_version *explain_runs(const struct explain_boot *boot)
{
    return boot->boot.err ? NULL : &boot->boot.result.header.version;
}

/* What runs, or after a boot what that has chosen. */
static void confirm_all(struct explain *e, const struct rehearsed_boot *boot)
{
    const struct dfu_slot_map *map = &e->board->map;

    for (uint8_t i = 0; i < map->image_count; i++) {
        const struct dfu_area *area = boot ? boot->result.places[i].area : NULL;

        (void)dfu_boot_set_next(map, area ? area : map->images[i].primary, true, true);
    }
}

static bool is_confirmed(const struct explain *e, const struct rehearsed_boot *boot)
{
    const struct dfu_slot_map *map = &e->board->map;
    struct dfu_slot_state state;

    return boot->result.area && dfu_slot_state_read(map, boot->result.area, &state) == DFU_OK &&
           (state.magic != DFU_MAGIC_GOOD || state.image_ok != DFU_FLAG_UNSET);
}

static int slot_that_runs(const struct explain *e, const struct rehearsed_boot *boot)
{
    if (boot->err) {
        return -1;
    }
    return boot->result.area == e->board->map.images[0].secondary ? 1 : 0;
}

/* Boots until one changes nothing. */
static const struct explain_scenario *play(struct explain *e, const char *name, const char *title,
                                           bool confirms)
{
    struct explain_scenario *s = &e->scenarios[e->scenario_count++];
    bool is_quiet = false;

    *s = (struct explain_scenario){ .name = name, .title = title };
    while (!is_quiet && s->count < EXPLAIN_BOOTS_MAX) {
        struct explain_boot *b = &s->boots[s->count++];

        b->boot = rehearsal_boot(&e->rehearsal);
        b->slot = slot_that_runs(e, &b->boot);
        b->is_confirmed = b->slot >= 0 && is_confirmed(e, &b->boot);
        is_quiet = b->boot.err != DFU_OK || b->boot.erases + b->boot.writes == 0;
        if (confirms && s->count == 1) {
            confirm_all(e, &b->boot);
            is_quiet = false;
        }
    }
    rehearsal_restore(&e->rehearsal);
    return s;
}

static bool request_all(struct explain *e, bool permanent)
{
    const struct dfu_slot_map *map = &e->board->map;
    bool is_any = false;

    for (uint8_t i = 0; i < map->image_count; i++) {
        const struct explain_slot *slot = &e->slots[i][1];

        if (slot->area && !slot->is_former && dfu_verdict_is_trusted(&slot->report.verdict)) {
            is_any = dfu_boot_set_next(map, slot->area, false, permanent) == DFU_OK || is_any;
        }
    }
    return is_any;
}

static bool is_asked(const struct explain *e)
{
    for (uint8_t i = 0; i < e->board->map.image_count; i++) {
        if (e->outlook[i].resumes || e->outlook[i].asked != DFU_SWAP_NONE) {
            return true;
        }
    }
    return false;
}

/* Where the newest image runs whatever anybody asks, there is nothing to ask. */
static bool takes_requests(const struct explain *e)
{
    switch (e->mode->mode) {
    case DFU_MODE_SWAP_MOVE:
    case DFU_MODE_SWAP_SCRATCH:
    case DFU_MODE_SWAP_OFFSET:
    case DFU_MODE_OVERWRITE:
    case DFU_MODE_DIRECT_XIP_REVERT:
    case DFU_MODE_RAM_LOAD_REVERT: return true;
    default: return false;
    }
}

static void play_requests(struct explain *e)
{
    if (request_all(e, false)) {
        play(e, "test", "If the image in slot 1 is tested (dfu image test)", false);
    }
    if (request_all(e, false)) {
        play(e, "test-confirm", "If it is tested, and confirmed while it runs (dfu image confirm)",
             true);
    }
    if (request_all(e, true)) {
        play(e, "permanent", "If it is confirmed without a test (dfu image confirm FILE-OR-HASH)",
             false);
    }
}

static void play_all(struct explain *e)
{
    const struct explain_scenario *as_is;
    bool is_on_trial =
        e->outlook[0].why == DFU_BOOT_WHY_TABLE && e->outlook[0].rule == DFU_SWAP_RULE_REVERT;

    rehearsal_keep(&e->rehearsal);
    as_is = play(e, "as-is", "If nobody does anything", false);
    if (is_on_trial) {
        confirm_all(e, NULL);
        play(e, "confirm-now", "If the image that runs now is confirmed first (dfu image confirm)",
             false);
    } else if (as_is->boots[0].slot >= 0 && !as_is->boots[0].is_confirmed && as_is->count > 1) {
        play(e, "confirm", "If the image that then runs is confirmed (dfu image confirm)", true);
    }
    if (!is_asked(e) && takes_requests(e)) {
        play_requests(e);
    }
    rehearsal_restore(&e->rehearsal);
}

int explain_look(struct explain *e)
{
    for (uint8_t i = 0; i < e->board->map.image_count; i++) {
        int code = look_at_pair(e, i);

        if (code) {
            return code;
        }
    }
    play_all(e);
    return 0;
}

void explain_measure(struct explain *e, uint32_t size)
{
    e->has_fit = true;
    fit_measure(&e->fit, &e->board->map, dfu_board_area(e->board, "scratch_partition"),
                e->board->name, size);
}
