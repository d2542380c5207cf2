/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/share.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/place_reader.h"
#include "boot/rollback.h"
#include "dfu/err.h"
#include "dfu/shared_data.h"

#define RECORD_MAX    100u
#define MODULE_STRIDE 6 /* bits of a claim */

/* The first error stays. */
struct share {
    const struct dfu_boot_config *cfg;
    const struct dfu_boot_result *out;
    int err;
};

static void add(struct share *s, enum dfu_shared_major major, unsigned minor, const void *data,
                uint16_t len)
{
    const struct dfu_boot_sharing *sharing = s->cfg->sharing;

    if (!s->err) {
        s->err =
            dfu_shared_add(sharing->mem, sharing->size, DFU_SHARED_TYPE(major, minor), data, len);
    }
}

static void add_byte(struct share *s, enum dfu_shared_loader what, unsigned value)
{
    uint8_t raw = (uint8_t)value;

    add(s, DFU_SHARED_LOADER, what, &raw, sizeof raw);
}

static void add_word(struct share *s, unsigned what, uint32_t value)
{
    uint8_t raw[4];

    put_le32(raw, value);
    add(s, DFU_SHARED_LOADER, what, raw, sizeof raw);
}

/* ---- About the loader ---- */

static enum dfu_shared_signature signature_of(const struct dfu_image_policy *policy)
{
    if (policy->key_count == 0) {
        return DFU_SHARED_SIG_NONE;
    }
    switch (policy->keys[0].alg->tlv_type) {
    case DFU_TLV_RSA2048:
    case DFU_TLV_RSA3072: return DFU_SHARED_SIG_RSA;
    case DFU_TLV_ED25519: return DFU_SHARED_SIG_ED25519;
    default: return DFU_SHARED_SIG_ECDSA;
    }
}

static void add_version(struct share *s)
{
    const struct dfu_image_version *version = &s->cfg->sharing->version;
    uint8_t raw[8] = { version->major, version->minor };

    put_le16(raw + 2, version->revision);
    put_le32(raw + 4, version->build);
    add(s, DFU_SHARED_LOADER, DFU_SHARED_LOADER_VERSION, raw, sizeof raw);
}

static void inform(struct share *s)
{
    const struct dfu_slot_map *map = s->cfg->map;

    add_byte(s, DFU_SHARED_LOADER_MODE, dfu_mode_number(map->mode));
    add_byte(s, DFU_SHARED_LOADER_SIGNATURE, signature_of(&s->cfg->policy));
    add_byte(s, DFU_SHARED_LOADER_RECOVERY, s->cfg->sharing->recovery);
    add_byte(s, DFU_SHARED_LOADER_RUNNING_SLOT, s->out->places[0].slot);
    add_version(s);
    for (uint8_t i = 0; i < map->image_count && i < DFU_SHARED_IMAGES; i++) {
        struct place_span span;
        struct dfu_reader reader = place_reader(&s->out->places[i], &span);
        uint32_t counter;

        add_word(s, DFU_SHARED_LOADER_MAX_SIZE + i, dfu_slot_max_image(map, i));
        if (s->out->places[i].area && rollback_counter_of(&reader, &counter) == 1) {
            add_word(s, DFU_SHARED_LOADER_COUNTER + i, counter);
        }
    }
}

/* ---- Measurements ---- */

/* The record was made by the signer, with room at its end for the hash that is the image's own. */
static void measure(struct share *s, uint8_t image)
{
    struct place_span span;
    struct dfu_reader reader = place_reader(&s->out->places[image], &span);
    uint8_t record[RECORD_MAX], hash[DFU_HASH_MAX];
    struct dfu_image_tlv tlv;
    struct dfu_image opened;
    int len, hash_len;

    if (!s->out->places[image].area || dfu_image_open(&opened, &reader, 0) != DFU_IMAGE_FINE ||
        dfu_image_tlv_find(&opened, DFU_TLV_BOOT_RECORD, true, &tlv)) {
        return; /* an image without a record is measured by nobody */
    }
    len = dfu_image_tlv_read(&opened, &tlv, record, sizeof record);
    hash_len = dfu_image_stored_hash(&opened, hash);
    if (len < 0 || hash_len < 0 || hash_len > len) {
        s->err = s->err ? s->err : DFU_ERR_FORMAT;
        return;
    }
    memcpy(record + (len - hash_len), hash, (size_t)hash_len);
    add(s, DFU_SHARED_MEASUREMENT, (unsigned)image << MODULE_STRIDE | DFU_SHARED_CLAIM_BOOT_RECORD,
        record, (uint16_t)len);
}

/* What cannot be told is said on the console; it is no reason not to run what was verified. */
static void share(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    const struct dfu_boot_sharing *sharing = cfg->sharing;
    struct share s = { cfg, out, dfu_shared_init(sharing->mem, sharing->size) };

    for (uint8_t i = 0; sharing->measures && i < cfg->map->image_count; i++) {
        measure(&s, i);
    }
    if (sharing->informs) {
        inform(&s);
    }
    if (s.err && cfg->event) {
        cfg->event(cfg->ctx, &(struct dfu_boot_event){ .id = DFU_BOOT_EV_SHARING_FAILED });
    }
}

const struct dfu_boot_sharer dfu_boot_sharer = { share };
