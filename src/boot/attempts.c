/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/attempts.h"

#include "dfu/err.h"
#include "dfu/record.h"

/* Something is on trial, and nothing else is to happen. */
static bool is_trial(const struct dfu_boot_config *cfg)
{
    bool is_any = false;

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        const struct dfu_slot_pair *pair = &cfg->map->images[i];
        struct dfu_slot_state primary, secondary;
        enum dfu_swap_rule rule;

        if (dfu_slot_state_read(cfg->map, pair->primary, &primary) ||
            dfu_slot_state_read(cfg->map, pair->secondary, &secondary)) {
            return false;
        }
        rule = dfu_swap_rule_of(cfg->map->mode, &primary, &secondary);
        if (rule != DFU_SWAP_RULE_REVERT && rule != DFU_SWAP_RULE_NONE) {
            return false;
        }
        is_any = is_any || rule == DFU_SWAP_RULE_REVERT;
    }
    return is_any;
}

/* The start that brought the images in was the first, and is not recorded. */
static bool has_left(const struct dfu_boot_config *cfg, bool takes)
{
    const struct dfu_boot_attempts *attempts = cfg->attempts;
    struct dfu_record record;
    uint8_t count = 0;
    int err;

    if (attempts->max <= 1 || !is_trial(cfg)) {
        return false;
    }
    err = dfu_record_open(&record, attempts->area);
    if (!err) {
        err = dfu_record_load(&record, &count, sizeof count);
        err = err == DFU_ERR_NOENT ? DFU_OK : err < 0 ? err : DFU_OK;
    }
    if (err || count >= attempts->max - 1) {
        return false;
    }
    count++;
    if (takes) {
        const struct dfu_boot_event event = { .id = DFU_BOOT_EV_ATTEMPT,
                                              .a = count + 1u,
                                              .b = attempts->max };

        err = dfu_record_save(&record, &count, sizeof count);
        if (!err && cfg->event) {
            cfg->event(cfg->ctx, &event);
        }
    }
    return err == DFU_OK;
}

static int forget(const struct dfu_boot_config *cfg)
{
    struct dfu_record record;
    int err = dfu_record_open(&record, cfg->attempts->area);

    return err ? err : dfu_record_clear(&record);
}

const struct dfu_boot_attempts_rules dfu_boot_attempts_rules = { has_left, forget };
