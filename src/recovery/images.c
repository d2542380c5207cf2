/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The image group of the recovery: list, set state, erase, slot info. Only images that verify are
 * listed and marked; nothing is remembered, every answer is read from flash. */
#include <string.h>

#include "dfu/err.h"
#include "dfu/trailer.h"
#include "image/fixed.h"
#include "recovery/parts.h"
#include "smp/img_version.h"

struct entry {
    uint8_t image, slot;
    const struct dfu_area *area;
    struct dfu_image_header header;
    uint8_t hash[DFU_HASH_MAX];
    uint8_t hash_len;
};

/* ---- Slots ---- */

const struct dfu_area *recovery_area(const struct dfu_recovery *recovery, uint32_t image,
                                     uint32_t slot)
{
    const struct dfu_slot_map *map = config_of(recovery)->map;

    if (image >= map->image_count || image >= DFU_IMAGES_MAX) {
        return NULL;
    }
    return slot == 0 ? map->images[image].primary : map->images[image].secondary;
}

int recovery_erase(const struct dfu_recovery *recovery, const struct dfu_area *area)
{
    const struct dfu_recovery_config *cfg = config_of(recovery);
    uint32_t end = area->size;

    while (end > 0) {
        struct dfu_sector sector;
        int err = dfu_area_sector_at(area, end - 1, &sector);

        if (!err) {
            err = dfu_area_erase(area, sector.off, sector.size);
        }
        if (err) {
            return err;
        }
        end = sector.off;
        if (cfg->feed_watchdog) {
            cfg->feed_watchdog(cfg->ctx);
        }
    }
    return DFU_OK;
}

/* False unless a whole image that the policy trusts is in the slot. */
static bool read_entry(const struct dfu_recovery *recovery, uint8_t image, uint8_t slot,
                       struct entry *out)
{
    const struct dfu_recovery_config *cfg = config_of(recovery);
    const struct dfu_area *area = recovery_area(recovery, image, slot);
    struct dfu_image_policy policy = copied_policy(&cfg->policy);
    struct dfu_unpacker unpacker;
    struct dfu_image_report report;
    struct dfu_area_span span;
    struct dfu_reader reader;
    struct dfu_image opened;
    int hash_len;

    if (!area) {
        return false;
    }
    span = (struct dfu_area_span){ area, dfu_boot_get_image_start_offset(cfg->map, area) };
    reader = dfu_area_reader(&span);
    if (dfu_image_open(&opened, &reader, 0) != DFU_IMAGE_FINE) {
        return false;
    }
    policy.body_is_clear = recovery_runs_as_it_lies(recovery, area);
    if (policy.unpacker) {
        unpacker = *policy.unpacker;
        unpacker.limit = dfu_slot_limit(cfg->map, image, cfg->map->images[image].primary);
        policy.unpacker = &unpacker;
    }
    dfu_image_verify(&policy, &reader, dfu_slot_limit(cfg->map, image, area), cfg->buf,
                     cfg->buf_len, cfg->feed_watchdog, cfg->ctx, &report);
    if (!dfu_verdict_is_trusted(&report.verdict)) {
        return false;
    }
    hash_len = dfu_image_stored_hash(&opened, out->hash);
    out->hash_len = hash_len > 0 ? (uint8_t)hash_len : 0;
    out->image = image;
    out->slot = slot;
    out->area = area;
    out->header = opened.header;
    return true;
}

bool recovery_is_valid(const struct dfu_recovery *recovery, const struct dfu_area *area)
{
    struct entry entry;

    for (uint8_t image = 0; image < config_of(recovery)->map->image_count; image++) {
        for (uint8_t slot = 0; slot < RECOVERY_SLOTS; slot++) {
            if (recovery_area(recovery, image, slot) == area) {
                return read_entry(recovery, image, slot, &entry);
            }
        }
    }
    return false;
}

/* ---- List ---- */

static int swap_type(const struct dfu_recovery *recovery, uint8_t image)
{
    return dfu_mcuboot_swap_type(config_of(recovery)->map, image);
}

/* Those that are set. */
static void put_flags(struct dfu_cbor_encoder *enc, const struct entry *entry, int type)
{
    static const char *const keys[] = { "bootable", "confirmed", "active", "pending", "permanent" };
    bool is_primary = entry->slot == 0;
    const bool values[] = {
        (entry->header.flags & DFU_IMAGE_F_NON_BOOTABLE) == 0,
        is_primary == (type != DFU_SWAP_REVERT),
        is_primary,
        !is_primary && (type == DFU_SWAP_TEST || type == DFU_SWAP_PERM),
        !is_primary && type == DFU_SWAP_PERM,
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (values[i]) {
            dfu_cbor_pair_bool(enc, keys[i], true);
        }
    }
}

static void put_entry(const struct dfu_recovery *recovery, struct dfu_cbor_encoder *enc,
                      const struct entry *entry)
{
    dfu_cbor_begin_map(enc);
    if (config_of(recovery)->map->image_count > 1) {
        dfu_cbor_pair_uint(enc, "image", entry->image);
    }
    if (!config_of(recovery)->no_image_state) {
        put_flags(enc, entry, swap_type(recovery, entry->image));
    }
    dfu_cbor_pair_uint(enc, "slot", entry->slot);
    if (entry->hash_len > 0) {
        dfu_cbor_pair_bytes(enc, "hash", entry->hash, entry->hash_len);
    }
    smp_put_version(enc, &entry->header.version);
    dfu_cbor_end(enc);
}

static int list(struct dfu_smp_call *call)
{
    const struct dfu_recovery *recovery = call->ctx;
    struct entry entry;

    dfu_cbor_put_text(call->enc, "images");
    dfu_cbor_begin_array(call->enc);
    for (uint8_t image = 0; image < config_of(recovery)->map->image_count; image++) {
        for (uint8_t slot = 0; slot < RECOVERY_SLOTS; slot++) {
            if (read_entry(recovery, image, slot, &entry)) {
                put_entry(recovery, call->enc, &entry);
            }
        }
    }
    dfu_cbor_end(call->enc);
    return 0;
}

/* ---- Set state ---- */

/* The first slot whose image has this hash; without one, the secondary of the only image. */
static int find(const struct dfu_recovery *recovery, const struct dfu_cbor_span *hash,
                struct entry *out)
{
    if (!hash) {
        if (config_of(recovery)->map->image_count > 1) {
            return DFU_SMP_EINVAL;
        }
        return read_entry(recovery, 0, 1, out) ? 0 : DFU_SMP_ENOENT;
    }
    for (uint8_t image = 0; image < config_of(recovery)->map->image_count; image++) {
        for (uint8_t slot = 0; slot < RECOVERY_SLOTS; slot++) {
            if (read_entry(recovery, image, slot, out) && out->hash_len == hash->len &&
                memcmp(out->hash, hash->data, hash->len) == 0) {
                return 0;
            }
        }
    }
    return DFU_SMP_ENOENT;
}

/* 0 or an SMP code. What the next start does anyway needs no mark: it runs the primary, or goes back
 * to the secondary where a revert is due. */
static int mark(struct dfu_recovery *recovery, const struct entry *entry, bool confirm)
{
    bool is_primary = entry->slot == 0;
    bool is_revert = swap_type(recovery, entry->image) == DFU_SWAP_REVERT;

    if (is_primary != is_revert) {
        return 0;
    }
    if (is_primary && !confirm) {
        return DFU_SMP_EINVAL; /* it is on test */
    }
    recovery->has_changed = true;
    return dfu_boot_set_next(config_of(recovery)->map, entry->area, is_primary, confirm)
               ? DFU_SMP_EUNKNOWN
               : 0;
}

static int set_state(struct dfu_smp_call *call)
{
    struct dfu_recovery *recovery = call->ctx;
    struct dfu_cbor_span hash = { 0 };
    bool confirm = false;
    struct dfu_cbor_key keys[] = {
        { .name = "hash", .type = DFU_CBOR_BYTES, .out = &hash },
        { .name = "confirm", .type = DFU_CBOR_BOOL, .out = &confirm },
    };
    struct entry entry;
    int rc;

    if (config_of(recovery)->no_image_state) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, sizeof(keys) / sizeof(keys[0]))) {
        return DFU_SMP_EINVAL;
    }
    rc = find(recovery, keys[0].found ? &hash : NULL, &entry);
    if (!rc) {
        rc = mark(recovery, &entry, confirm);
    }
    return rc ? rc : list(call);
}

/* ---- Erase, slot info ---- */

static int erase(struct dfu_smp_call *call)
{
    struct dfu_recovery *recovery = call->ctx;
    uint32_t slot = 1; /* counted across images */
    struct dfu_cbor_key keys[] = { { .name = "slot", .type = DFU_CBOR_UINT, .out = &slot } };
    const struct dfu_area *area;

    if (config_of(recovery)->no_erase) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, 1)) {
        return DFU_SMP_EINVAL;
    }
    area = recovery_area(recovery, slot / RECOVERY_SLOTS, slot % RECOVERY_SLOTS);
    if (!area) {
        return DFU_SMP_EINVAL;
    }
    recovery->has_changed = true;
    recovery->upload.off = 0;
    if (recovery_erase(recovery, area)) {
        return DFU_SMP_EUNKNOWN;
    }
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    return 0;
}

/* The "image" by which an upload reaches this slot; 0 with false: it does not. */
static bool upload_number(const struct dfu_recovery *recovery, uint8_t image, uint8_t slot,
                          uint32_t *out)
{
    *out = config_of(recovery)->direct_upload ? image * RECOVERY_SLOTS + slot + 1u : image;
    return config_of(recovery)->direct_upload || slot == 0;
}

static void put_slot(const struct dfu_recovery *recovery, struct dfu_cbor_encoder *enc,
                     uint8_t image, uint8_t slot)
{
    const struct dfu_area *area = recovery_area(recovery, image, slot);
    uint32_t number;

    if (!area) {
        return;
    }
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_uint(enc, "slot", slot);
    dfu_cbor_pair_uint(enc, "size", area->size);
    if (upload_number(recovery, image, slot, &number)) {
        dfu_cbor_pair_uint(enc, "upload_image_id", number);
    }
    dfu_cbor_end(enc);
}

static int slot_info(struct dfu_smp_call *call)
{
    const struct dfu_recovery *recovery = call->ctx;
    struct dfu_cbor_encoder *enc = call->enc;

    if (config_of(recovery)->no_slot_info) {
        return DFU_SMP_ENOTSUP;
    }
    dfu_cbor_put_text(enc, "images");
    dfu_cbor_begin_array(enc);
    for (uint8_t image = 0; image < config_of(recovery)->map->image_count; image++) {
        uint32_t max = dfu_slot_max_image(config_of(recovery)->map, image);

        dfu_cbor_begin_map(enc);
        dfu_cbor_pair_uint(enc, "image", image);
        dfu_cbor_put_text(enc, "slots");
        dfu_cbor_begin_array(enc);
        for (uint8_t slot = 0; slot < RECOVERY_SLOTS; slot++) {
            put_slot(recovery, enc, image, slot);
        }
        dfu_cbor_end(enc);
        if (max > 0) {
            dfu_cbor_pair_uint(enc, "max_image_size", max);
        }
        dfu_cbor_end(enc);
    }
    dfu_cbor_end(enc);
    return 0;
}

/* ---- The group ---- */

static const struct dfu_smp_command img_commands[] = {
    [DFU_SMP_IMG_STATE] = { .read = list, .write = set_state },
    [DFU_SMP_IMG_UPLOAD] = { .write = recovery_upload },
    [DFU_SMP_IMG_ERASE] = { .write = erase },
    [DFU_SMP_IMG_SLOT_INFO] = { .read = slot_info },
};

const struct dfu_smp_group dfu_recovery_group_img = {
    .id = DFU_SMP_GROUP_IMG,
    .name = "img mgmt",
    .commands = img_commands,
    .command_count = sizeof(img_commands) / sizeof(img_commands[0]),
};
