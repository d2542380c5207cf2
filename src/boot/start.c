/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What is the same in every mode: a configuration that makes sense, the first lines of the
 * console, and the last. In between, the mode's own story. */
#include "dfu/boot.h"

#include "boot/strategy.h"
#include "dfu/err.h"

#define BUF_SIZE_MIN 64u

static int check_config(const struct dfu_boot_config *cfg)
{
    const char *what;

    if (!cfg || !cfg->map || !cfg->strategy || cfg->strategy->mode != cfg->map->mode) {
        return DFU_ERR_INVAL;
    }
    if (!cfg->buf || cfg->buf_len < BUF_SIZE_MIN || cfg->buf_len > UINT32_MAX ||
        cfg->buf_len % DFU_FLASH_WRITE_SIZE_MAX != 0) {
        return DFU_ERR_INVAL;
    }
    if (!cfg->policy.hashes || !cfg->policy.hashes[0] ||
        (cfg->policy.key_count > 0 && !cfg->policy.keys) ||
        (cfg->policy.key_count == 0 && !cfg->policy.hash_only)) {
        return DFU_ERR_INVAL;
    }
    return dfu_slot_map_check(cfg->map, &what) ? DFU_ERR_INVAL : DFU_OK;
}

static void emit(const struct dfu_boot_config *cfg, struct dfu_boot_event event)
{
    if (cfg->event) {
        cfg->event(cfg->ctx, &event);
    }
}

static void announce(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    const struct dfu_image_version *version = &out->header.version;

    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_CHAINLOAD,
                                       .a = out->area->base + out->image_off });
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_VERSION,
                                       .a = version->major,
                                       .b = version->minor,
                                       .c = version->revision });
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_JUMP });
}

int dfu_boot(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    int err = check_config(cfg);

    *out = (struct dfu_boot_result){ 0 };
    if (err) {
        return err;
    }
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_START });
    err = cfg->strategy->start(cfg, out);
    if (err == DFU_ERR_POWER) {
        return err;
    }
    if (err || !out->area) {
        emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_NO_IMAGE });
        return DFU_ERR_VERIFY;
    }
    announce(cfg, out);
    return DFU_OK;
}

int dfu_boot_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out)
{
    struct dfu_boot_config quiet;
    int err = check_config(cfg);

    *out = (struct dfu_boot_outlook){ .swap = DFU_SWAP_NONE };
    if (err || image >= cfg->map->image_count) {
        return err ? err : DFU_ERR_INVAL;
    }
    quiet = *cfg;
    quiet.event = NULL;
    return cfg->strategy->look(&quiet, image, out);
}
