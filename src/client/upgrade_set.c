/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Several images, one reset: the engine for one image does the work of each, without its reset;
 * then it finds the first one in place and restarts the device, which starts the others, too. What
 * always holds: nothing is confirmed before all were seen running. */
#include "dfu/upgrade_set.h"

#include <string.h>

#include "dfu/err.h"
#include "dfu/smp.h"

static void end(struct dfu_upgrade_set *set, enum dfu_upgrade_outcome outcome)
{
    set->failed_in = set->step;
    set->outcome = outcome;
    set->step = DFU_UPGRADE_SET_OVER;
}

static void fail(struct dfu_upgrade_set *set, int err)
{
    set->err = err;
    if (err == DFU_ERR_PERM) {
        set->refusal = set->exchange.answer.refusal;
    }
    end(set, DFU_UPGRADE_FAILED);
}

/* ---- The engine ---- */

static void start_engine(struct dfu_upgrade_set *set, size_t at)
{
    struct dfu_upgrade_config config = set->config.each;
    const struct dfu_upgrade_part *part = &set->config.parts[at];

    config.file = part->file;
    config.firmware = part->firmware;
    config.image_number = part->image_number;
    config.no_reset = set->step != DFU_UPGRADE_SET_RESTART;
    config.test_only = !config.permanent; /* its confirmation would be one too early */
    set->at = at;
    set->is_engine_on = true;
    dfu_upgrade_start(&set->engine, &config);
    set->engine.version = set->version;
    set->engine.seq = set->seq;
}

static size_t first_that_is(const struct dfu_upgrade_set *set, enum dfu_upgrade_outcome outcome)
{
    size_t i = 0;

    while (i < set->config.count && set->done[i].outcome != outcome) {
        i++;
    }
    return i;
}

static bool all_run_already(const struct dfu_upgrade_set *set)
{
    for (size_t i = 0; i < set->config.count; i++) {
        if (set->done[i].outcome != DFU_UPGRADE_ALREADY_RUNNING) {
            return false;
        }
    }
    return true;
}

static void take_staged(struct dfu_upgrade_set *set)
{
    const struct dfu_upgrade *g = &set->engine;
    size_t staged;

    set->done[set->at] =
        (struct dfu_upgrade_part_done){ g->outcome, g->before, g->upload.data_bytes };
    if (g->outcome != DFU_UPGRADE_STAGED && g->outcome != DFU_UPGRADE_ON_TEST &&
        g->outcome != DFU_UPGRADE_ALREADY_RUNNING) {
        end(set, g->outcome);
        return;
    }
    if (set->at + 1 < set->config.count) {
        start_engine(set, set->at + 1);
        return;
    }
    staged = first_that_is(set, DFU_UPGRADE_STAGED);
    if (all_run_already(set)) {
        end(set, DFU_UPGRADE_ALREADY_RUNNING);
    } else if (set->config.each.no_reset) {
        end(set, DFU_UPGRADE_STAGED);
    } else if (staged < set->config.count) {
        set->step = DFU_UPGRADE_SET_RESTART;
        start_engine(set, staged);
    } else {
        set->step = DFU_UPGRADE_SET_LIST;
    }
}

static void take_restarted(struct dfu_upgrade_set *set)
{
    switch (set->engine.outcome) {
    case DFU_UPGRADE_REVERTED: /* the comparison tells more */
    case DFU_UPGRADE_ON_TEST:
    case DFU_UPGRADE_ALREADY_RUNNING:
    case DFU_UPGRADE_CONFIRMED: set->step = DFU_UPGRADE_SET_LIST; break;
    default: end(set, set->engine.outcome); break;
    }
}

static void take_engine(struct dfu_upgrade_set *set)
{
    set->is_engine_on = false;
    set->version = set->engine.version;
    set->seq = set->engine.seq;
    if (set->step == DFU_UPGRADE_SET_STAGE) {
        take_staged(set);
    } else {
        take_restarted(set);
    }
}

/* ---- Questions ---- */

static void ask(struct dfu_upgrade_set *set)
{
    const struct dfu_upgrade_part *part = &set->config.parts[set->at];
    const struct dfu_upgrade_config *times = &set->engine.config;
    struct dfu_call call = { .version = set->version, .seq = set->seq++ };
    uint8_t *frame = set->frame;
    size_t cap = sizeof(set->frame);
    int len;

    switch (set->step) {
    case DFU_UPGRADE_SET_SLOTS: len = dfu_client_slot_info(&call, frame, cap); break;
    case DFU_UPGRADE_SET_CONFIRM: /* the running image 0 has no need of a name */
        len = dfu_client_image_set(&call, part->firmware.run_hash,
                                   part->image_number ? part->firmware.hash_len : 0, true, frame,
                                   cap);
        break;
    default: len = dfu_client_image_list(&call, frame, cap); break;
    }
    dfu_exchange_start(&set->exchange, &call, frame, len, times->answer_ms, times->silence_ms);
    set->is_asking = true;
}

static void take_slots(struct dfu_upgrade_set *set)
{
    struct dfu_client_slot_sizes sizes;

    if (set->exchange.result == DFU_ERR_TIMEOUT) {
        fail(set, DFU_ERR_TIMEOUT);
        return;
    }
    if (set->exchange.result || dfu_client_slot_info_read(&set->exchange.answer, &sizes)) {
        sizes.count = 0; /* many devices do not tell */
    }
    for (set->at = 0; set->at < set->config.count; set->at++) {
        const struct dfu_upgrade_part *part = &set->config.parts[set->at];
        enum dfu_upgrade_outcome fits =
            dfu_upgrade_fits(&sizes, part->image_number, part->firmware.size, &set->limit);

        if (fits != DFU_UPGRADE_UNFINISHED) {
            end(set, fits);
            return;
        }
    }
    set->step = DFU_UPGRADE_SET_STAGE;
    start_engine(set, 0);
}

static bool runs(const struct dfu_client_slot *slot, const struct dfu_firmware *firmware)
{
    return slot && slot->hash_len == firmware->hash_len &&
           memcmp(slot->hash, firmware->run_hash, firmware->hash_len) == 0;
}

/* What was answered, compared with what is to run: false, and the end, if it is another. */
static bool take_list(struct dfu_upgrade_set *set, struct dfu_client_images *images)
{
    size_t new_count = 0;

    if (set->exchange.result || dfu_client_images_read(&set->exchange.answer, images)) {
        fail(set, set->exchange.result ? set->exchange.result : DFU_ERR_FORMAT);
        return false;
    }
    for (size_t i = set->config.count; i-- > 0;) {
        const struct dfu_upgrade_part *part = &set->config.parts[i];
        const struct dfu_client_slot *slot = dfu_client_running(images, part->image_number);

        if (runs(slot, &part->firmware)) {
            new_count++;
            set->wants_confirm[i] = slot->active && !slot->confirmed;
        } else {
            set->at = i;
            set->old = slot ? *slot : (struct dfu_client_slot){ .image = part->image_number };
        }
    }
    set->new_count = new_count;
    if (new_count < set->config.count) {
        end(set, DFU_UPGRADE_REVERTED);
        return false;
    }
    return true;
}

/* The next one that is on test; none: count. */
static size_t next_on_test(const struct dfu_upgrade_set *set, size_t from)
{
    while (from < set->config.count && !set->wants_confirm[from]) {
        from++;
    }
    return from;
}

static void take_first_list(struct dfu_upgrade_set *set)
{
    struct dfu_client_images images;

    if (!take_list(set, &images)) {
        return;
    }
    set->at = next_on_test(set, 0);
    if (set->config.each.test_only) {
        end(set, DFU_UPGRADE_ON_TEST);
    } else if (set->at == set->config.count) {
        end(set, DFU_UPGRADE_CONFIRMED);
    } else {
        set->step = DFU_UPGRADE_SET_CONFIRM;
    }
}

static void take_confirmed(struct dfu_upgrade_set *set)
{
    if (set->exchange.result) {
        fail(set, set->exchange.result);
        return;
    }
    set->at = next_on_test(set, set->at + 1);
    if (set->at == set->config.count) {
        set->at = 0;
        set->step = DFU_UPGRADE_SET_CHECK;
    }
}

static void take_last_list(struct dfu_upgrade_set *set)
{
    struct dfu_client_images images;

    if (!take_list(set, &images)) {
        return;
    }
    set->at = next_on_test(set, 0);
    if (set->at < set->config.count) {
        fail(set, DFU_ERR_STATE);
    } else {
        end(set, DFU_UPGRADE_CONFIRMED);
    }
}

static void settle(struct dfu_upgrade_set *set)
{
    set->is_asking = false;
    if (set->exchange.result != DFU_ERR_TIMEOUT) {
        set->version = set->exchange.call.version;
    }
    switch (set->step) {
    case DFU_UPGRADE_SET_SLOTS: take_slots(set); break;
    case DFU_UPGRADE_SET_LIST: take_first_list(set); break;
    case DFU_UPGRADE_SET_CONFIRM: take_confirmed(set); break;
    default: take_last_list(set); break;
    }
}

/* ---- The machine ---- */

int dfu_upgrade_set_start(struct dfu_upgrade_set *set, const struct dfu_upgrade_set_config *config)
{
    if (config->count == 0 || config->count > DFU_UPGRADE_SET_MAX) {
        return DFU_ERR_INVAL;
    }
    *set = (struct dfu_upgrade_set){ .config = *config, .version = DFU_SMP_V2 };
    dfu_upgrade_start(&set->engine, &config->each); /* fills in the times */
    return 0;
}

size_t dfu_upgrade_set_next(struct dfu_upgrade_set *set, uint64_t now_ms, uint8_t *frame,
                            size_t cap)
{
    while (set->step != DFU_UPGRADE_SET_OVER) {
        if (set->is_engine_on) {
            size_t len = dfu_upgrade_next(&set->engine, now_ms, frame, cap);

            if (set->engine.step != DFU_UPGRADE_OVER) {
                return len;
            }
            take_engine(set);
            continue;
        }
        if (!set->is_asking) {
            ask(set);
        }
        if (dfu_exchange_next(&set->exchange, now_ms)) {
            if (set->exchange.len > cap) {
                fail(set, DFU_ERR_NOSPACE);
                break;
            }
            memcpy(frame, set->exchange.frame, set->exchange.len);
            return set->exchange.len;
        }
        if (set->exchange.result == DFU_CLIENT_RUNNING) {
            return 0;
        }
        settle(set);
    }
    return 0;
}

void dfu_upgrade_set_answer(struct dfu_upgrade_set *set, uint64_t now_ms, const uint8_t *frame,
                            size_t len)
{
    if (set->is_engine_on) {
        dfu_upgrade_answer(&set->engine, now_ms, frame, len);
        if (set->engine.step == DFU_UPGRADE_OVER) {
            take_engine(set);
        }
    } else if (set->is_asking &&
               dfu_exchange_answer(&set->exchange, frame, len) != DFU_CLIENT_RUNNING) {
        settle(set);
    }
}

uint64_t dfu_upgrade_set_deadline(const struct dfu_upgrade_set *set)
{
    if (set->step == DFU_UPGRADE_SET_OVER) {
        return UINT64_MAX;
    }
    if (set->is_engine_on) {
        return dfu_upgrade_deadline(&set->engine);
    }
    return set->is_asking ? dfu_exchange_deadline(&set->exchange) : 0;
}

void dfu_upgrade_set_link_back(struct dfu_upgrade_set *set, uint64_t now_ms)
{
    if (set->is_engine_on) {
        dfu_upgrade_link_back(&set->engine, now_ms);
    } else if (set->is_asking) {
        set->exchange.due = now_ms; /* repeat at once */
    }
}
