/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Firmware loader (bootloader spec 4.8): the primary is the application; the secondary is a program
 * that brings a new one, and never moves. */
#include "boot/permit.h"
#include "boot/place.h"
#include "dfu/err.h"

static int start_application(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        const struct dfu_slot_pair *slots = &cfg->map->images[i];
        const struct boot_pair pair = { .kept = keep_boot(cfg),
                                        .primary = slots->primary,
                                        .secondary = slots->secondary,
                                        .image = i };
        struct dfu_verdict verdict = { 0 };
        int err = place_check(&pair, slots->primary, &out->fault, &verdict);

        if (!err) {
            err = place_report(&pair, slots->primary, &verdict, out);
        }
        if (err) {
            out->fault_image = i;
            permit_withdraw(out);
            return err;
        }
    }
    return DFU_OK;
}

static int start_loader(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    const struct dfu_slot_pair *slots = &cfg->map->images[0];
    const struct boot_pair pair = { .kept = keep_boot(cfg),
                                    .primary = slots->primary,
                                    .secondary = slots->secondary };
    struct dfu_verdict verdict = { 0 };
    enum dfu_image_fault fault;
    int err = place_check(&pair, slots->secondary, &fault, &verdict);

    if (!err) {
        err = place_report(&pair, slots->secondary, &verdict, out);
    }
    return err;
}

static int start(struct kept_boot kept, struct dfu_boot_result *out)
{
    const struct dfu_boot_config *cfg = fixed_boot(kept);
    int err = DFU_ERR_VERIFY;

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        out->swap[i] = DFU_SWAP_NONE;
    }
    if (cfg->enter_loader) {
        err = start_loader(cfg, out);
    }
    if (err == DFU_ERR_VERIFY) {
        err = start_application(cfg, out);
    }
    if (err == DFU_ERR_VERIFY && cfg->loader_if_invalid && !cfg->enter_loader) {
        err = start_loader(cfg, out);
    }
    return err;
}

const struct dfu_boot_strategy dfu_boot_firmware_loader = {
    .mode = DFU_MODE_FIRMWARE_LOADER,
    .start = start,
    .look = place_look,
};
