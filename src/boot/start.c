/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What is the same in every mode: a configuration that makes sense, the first lines of the
 * console, and the last. In between, the mode's own story. */
#include "dfu/boot.h"

#include "boot/history.h"
#include "boot/permit.h"
#include "boot/pick.h"
#include "boot/revoke.h"
#include "boot/rollback.h"
#include "boot/share.h"
#include "dfu/err.h"

#define BUF_SIZE_MIN 64u
#define KEY_SIZE_MIN 16u

/* Keys and what uses them come together. A program that runs where it lies cannot be encrypted,
 * and a swap must be able to go on after a cut: its trailers need room for the keys. */
static bool encryption_makes_sense(const struct dfu_boot_config *cfg)
{
    const struct dfu_image_decryption *how = cfg->policy.decryption;

    if (!how || !cfg->encryption) {
        return !how && !cfg->encryption;
    }
    if (!how->opener || !how->cipher || (how->key_count > 0 && !how->keys) ||
        cfg->map->mode == DFU_MODE_DIRECT_XIP || cfg->map->mode == DFU_MODE_DIRECT_XIP_REVERT) {
        return false;
    }
    return !cfg->strategy->plan ||
           (cfg->map->key_size >= KEY_SIZE_MIN && cfg->map->key_size <= DFU_WRAPPED_KEY_MAX);
}

/* A program that is moved back and forth, or runs where it lies, cannot be compressed. */
static bool decompression_makes_sense(const struct dfu_boot_config *cfg)
{
    const struct dfu_unpacker *how = cfg->policy.unpacker;

    if (!how || !cfg->decompression) {
        return !how && !cfg->decompression && !cfg->map->decompresses;
    }
    return how->way && how->decoder && how->work && cfg->map->mode == DFU_MODE_OVERWRITE;
}

int dfu_boot_check(const struct dfu_boot_config *cfg)
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
    if (!encryption_makes_sense(cfg) || !decompression_makes_sense(cfg)) {
        return DFU_ERR_INVAL;
    }
    if (cfg->revocation && !cfg->revocation->rules->makes_sense(cfg)) {
        return DFU_ERR_INVAL;
    }
    if (cfg->strategy->pick && cfg->strategy->pick->load && (!cfg->ram || cfg->ram_count == 0)) {
        return DFU_ERR_INVAL;
    }
    return dfu_slot_map_check(cfg->map, &what) ? DFU_ERR_INVAL : DFU_OK;
}

/* What must be said or kept once everything is known to run. */
static void conclude(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    (void)history_runs(cfg);
    if (cfg->revocation) {
        cfg->revocation->rules->apply(cfg, out);
    }
    if (cfg->counter) {
        cfg->counter->rules->raise(cfg, out);
    }
    if (cfg->sharing) {
        cfg->sharing->how->share(cfg, out);
    }
}

static void emit(const struct dfu_boot_config *cfg, struct dfu_boot_event event)
{
    if (cfg->event) {
        cfg->event(cfg->ctx, &event);
    }
}

static const char *kind_of_loader(const struct dfu_boot_config *cfg)
{
    return cfg->map->mode == DFU_MODE_DIRECT_XIP || cfg->map->mode == DFU_MODE_DIRECT_XIP_REVERT
               ? "Direct-XIP "
               : NULL;
}

static void announce(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    const struct dfu_image_version *version = &out->header.version;

    const struct dfu_boot_place *place = &out->places[0];

    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_CHAINLOAD,
                                       .a = place->ram ? place->ram_addr
                                                       : place->area->base + place->off });
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_VERSION,
                                       .a = version->major,
                                       .b = version->minor,
                                       .c = version->revision });
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_JUMP,
                                       .text = cfg->strategy->pick ? NULL : "first " });
}

int dfu_boot_checked(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    int err;

    *out = (struct dfu_boot_result){ 0 };
    emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_START, .text = kind_of_loader(cfg) });
    err = cfg->strategy->start(keep_boot(cfg), out);
    if (err == DFU_ERR_POWER) {
        return DFU_ERR_POWER;
    }
    if (!err) {
        err = permit_check(cfg, out);
    }
    if (err) {
        emit(cfg, (struct dfu_boot_event){ .id = DFU_BOOT_EV_NO_IMAGE });
        return DFU_ERR_VERIFY;
    }
    out->area = out->places[0].area;
    out->image_off = out->places[0].off;
    conclude(cfg, out);
    announce(cfg, out);
    return DFU_OK;
}

int dfu_boot(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    if (dfu_boot_check(cfg)) {
        *out = (struct dfu_boot_result){ 0 };
        return DFU_ERR_INVAL; /* in words of its own: err may be 0 where a jump went wrong */
    }
    return dfu_boot_checked(cfg, out);
}

int dfu_boot_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out)
{
    struct dfu_boot_config quiet;
    int err = dfu_boot_check(cfg);

    *out = (struct dfu_boot_outlook){
        .rule = DFU_SWAP_RULE_NONE,
        .asked = DFU_SWAP_NONE,
        .swap = DFU_SWAP_NONE,
    };
    if (err || image >= cfg->map->image_count) {
        return err ? err : DFU_ERR_INVAL;
    }
    quiet = *cfg;
    quiet.event = NULL;
    return cfg->strategy->look(&quiet, image, out);
}
