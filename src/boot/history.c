/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Data of a record: result, image (bits 0-3) with has_from (bit 4) and has_to (bit 5), reason
 * without its sign, fault; from (8); to (8); hash (4). A version is major, minor, revision (2),
 * build (4). */
#include "boot/history.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/slot_ops.h"

#define ENTRY_SIZE 24u
#define LOOK_BACK  16u /* entries of other images between two of one */
#define IMAGE_BITS 0x0fu
#define HAS_FROM   0x10u
#define HAS_TO     0x20u

static void put_version(uint8_t *raw, const struct dfu_image_version *version)
{
    raw[0] = version->major;
    raw[1] = version->minor;
    put_le16(raw + 2, version->revision);
    put_le32(raw + 4, version->build);
}

static struct dfu_image_version get_version(const uint8_t *raw)
{
    return (struct dfu_image_version){ raw[0], raw[1], get_le16(raw + 2), get_le32(raw + 4) };
}

static void encode(const struct dfu_history_entry *entry, uint8_t raw[ENTRY_SIZE])
{
    raw[0] = (uint8_t)entry->result;
    raw[1] = (uint8_t)((entry->image & IMAGE_BITS) | (entry->has_from ? HAS_FROM : 0) |
                       (entry->has_to ? HAS_TO : 0));
    raw[2] = (uint8_t)-entry->reason;
    raw[3] = (uint8_t)entry->fault;
    put_version(raw + 4, &entry->from);
    put_version(raw + 12, &entry->to);
    memcpy(raw + 20, entry->to_hash, sizeof entry->to_hash);
}

static void decode(const uint8_t raw[ENTRY_SIZE], struct dfu_history_entry *out)
{
    *out = (struct dfu_history_entry){
        .image = raw[1] & IMAGE_BITS,
        .result = (enum dfu_history_result)raw[0],
        .reason = -(int)raw[2],
        .fault = (enum dfu_image_fault)raw[3],
        .has_from = (raw[1] & HAS_FROM) != 0,
        .has_to = (raw[1] & HAS_TO) != 0,
        .from = get_version(raw + 4),
        .to = get_version(raw + 12),
    };
    memcpy(out->to_hash, raw + 20, sizeof out->to_hash);
}

/* ---- Reading ---- */

static int read_entry(const struct dfu_record *record, uint32_t n, struct dfu_history_entry *out)
{
    uint8_t raw[ENTRY_SIZE];
    int len = dfu_record_load_older(record, n, raw, sizeof raw);

    if (len != (int)sizeof raw) {
        return len < 0 ? len : DFU_ERR_FORMAT;
    }
    decode(raw, out);
    out->number = record->sequence - n;
    return DFU_OK;
}

int dfu_history_read(const struct dfu_area *area, uint32_t n, struct dfu_history_entry *out)
{
    struct dfu_record record;
    int err = dfu_record_open(&record, area);

    return err ? err : read_entry(&record, n, out);
}

const char *dfu_history_result_text(enum dfu_history_result result)
{
    switch (result) {
    case DFU_HISTORY_TRIAL: return "trial";
    case DFU_HISTORY_CONFIRMED: return "confirmed";
    case DFU_HISTORY_INSTALLED: return "installed";
    case DFU_HISTORY_REVERTED: return "reverted";
    case DFU_HISTORY_REFUSED: return "refused";
    case DFU_HISTORY_FAILED: return "failed";
    case DFU_HISTORY_BEGUN: return "begun";
    }
    return "unknown";
}

/* The newest entry of one image. */
static int read_newest(const struct dfu_record *record, uint8_t image,
                       struct dfu_history_entry *out)
{
    int err = DFU_OK;

    for (uint32_t n = 0; !err && n < LOOK_BACK; n++) {
        err = read_entry(record, n, out);
        if (!err && out->image == image) {
            return DFU_OK;
        }
    }
    return err ? err : DFU_ERR_NOENT;
}

/* ---- Writing ---- */

/* An entry that stands there already was written before a cut, or says the same at each start. */
static int append(const struct dfu_boot_config *cfg, const struct dfu_history_entry *entry)
{
    uint8_t raw[ENTRY_SIZE], before[ENTRY_SIZE];
    struct dfu_history_entry newest;
    struct dfu_record record;
    int err = dfu_record_open(&record, cfg->history->area);

    if (err) {
        return err == DFU_ERR_POWER ? err : DFU_OK; /* a lost entry is no reason not to start */
    }
    encode(entry, raw);
    if (read_newest(&record, entry->image, &newest) == DFU_OK) {
        encode(&newest, before);
        if (memcmp(raw, before, sizeof raw) == 0) {
            return DFU_OK;
        }
    }
    err = dfu_record_save(&record, raw, sizeof raw);
    return err == DFU_ERR_POWER ? err : DFU_OK;
}

static bool read_version(const struct dfu_area *area, uint32_t off, struct dfu_image_version *out)
{
    struct dfu_image_header header;
    int err = slot_header_read(area, off, &header);

    if (!err) {
        *out = header.version;
    }
    return err == DFU_OK;
}

static void read_hash(const struct dfu_area *area, uint32_t off, uint8_t out[4])
{
    struct dfu_area_span span = { area, off };
    struct dfu_reader reader = dfu_area_reader(&span);
    uint8_t hash[DFU_HASH_MAX];
    struct dfu_image image;

    memset(out, 0, 4);
    if (dfu_image_open(&image, &reader, 0) == DFU_IMAGE_FINE &&
        dfu_image_stored_hash(&image, hash) >= 4) {
        memcpy(out, hash, 4);
    }
}

static struct dfu_history_entry entry_of(const struct boot_pair *pair,
                                         enum dfu_history_result result, struct swap_place from,
                                         struct swap_place to)
{
    struct dfu_history_entry entry = { .image = pair->image, .result = result };

    entry.has_from = from.area && read_version(from.area, from.off, &entry.from);
    entry.has_to = read_version(to.area, to.off, &entry.to);
    read_hash(to.area, to.off, entry.to_hash);
    return entry;
}

/* A revert that was cut while it began goes on as a permanent swap of the same two images. */
static bool undoes_trial(const struct boot_pair *pair, const struct dfu_history_entry *entry)
{
    const struct dfu_image_version *old = &entry->to, *new = &entry->from;
    struct dfu_history_entry newest;
    struct dfu_record record;

    if (dfu_record_open(&record, cfg_of(pair)->history->area) != DFU_OK ||
        read_newest(&record, pair->image, &newest) != DFU_OK) {
        return false;
    }
    if (newest.result == DFU_HISTORY_TRIAL) {
        return dfu_image_version_compare(old, &newest.from, true) == 0 &&
               dfu_image_version_compare(new, &newest.to, true) == 0;
    }
    return newest.result == DFU_HISTORY_REVERTED && /* told before the cut */
           dfu_image_version_compare(old, &newest.to, true) == 0 &&
           dfu_image_version_compare(new, &newest.from, true) == 0;
}

/* What was in the primary lies in the secondary: from its start after an upgrade. */
static int swapped(const struct boot_pair *pair, enum dfu_swap_type type)
{
    bool reverts = type == DFU_SWAP_REVERT;
    struct swap_place from = { pair->secondary,
                               reverts ? dfu_slot_upload_offset(cfg_of(pair)->map, pair->image)
                                       : 0 };
    struct swap_place to = { pair->primary, 0 };
    enum dfu_history_result result = reverts                 ? DFU_HISTORY_REVERTED
                                     : type == DFU_SWAP_TEST ? DFU_HISTORY_TRIAL
                                                             : DFU_HISTORY_INSTALLED;
    struct dfu_history_entry entry = entry_of(pair, result, from, to);

    if (type == DFU_SWAP_PERM && undoes_trial(pair, &entry)) {
        entry.result = DFU_HISTORY_REVERTED;
    }
    return append(cfg_of(pair), &entry);
}

static struct dfu_history_entry of_overwrite(const struct boot_pair *pair)
{
    return entry_of(pair, DFU_HISTORY_BEGUN, (struct swap_place){ pair->primary, 0 },
                    (struct swap_place){ pair->secondary, 0 });
}

/* The entry that this very overwrite has begun with, or ended with before the cut. */
static bool find_told(const struct boot_pair *pair, const struct dfu_history_entry *entry,
                      struct dfu_history_entry *out)
{
    struct dfu_record record;

    return dfu_record_open(&record, cfg_of(pair)->history->area) == DFU_OK &&
           read_newest(&record, pair->image, out) == DFU_OK &&
           (out->result == DFU_HISTORY_BEGUN || out->result == DFU_HISTORY_INSTALLED) &&
           memcmp(out->to_hash, entry->to_hash, sizeof out->to_hash) == 0 &&
           dfu_image_version_compare(&out->to, &entry->to, true) == 0;
}

/* After a cut the primary's header may be gone: the entry of the first try knows it. */
static int overwrites(const struct boot_pair *pair)
{
    struct dfu_history_entry entry = of_overwrite(pair), begun;

    return find_told(pair, &entry, &begun) ? DFU_OK : append(cfg_of(pair), &entry);
}

static int overwritten(const struct boot_pair *pair)
{
    struct dfu_history_entry entry = of_overwrite(pair), begun;

    if (find_told(pair, &entry, &begun)) {
        entry = begun;
    }
    entry.result = DFU_HISTORY_INSTALLED;
    return append(cfg_of(pair), &entry);
}

/* What an overwrite that is over leaves of its image, if its clearing away was cut. */
static bool is_remains(const struct boot_pair *pair, const struct dfu_history_entry *entry)
{
    static const uint8_t no_hash[sizeof entry->to_hash] = { 0 };
    struct dfu_history_entry newest;
    struct dfu_record record;

    return !cfg_of(pair)->strategy->plan &&
           dfu_record_open(&record, cfg_of(pair)->history->area) == DFU_OK &&
           read_newest(&record, pair->image, &newest) == DFU_OK &&
           newest.result == DFU_HISTORY_INSTALLED &&
           dfu_image_version_compare(&entry->from, &newest.to, true) == 0 &&
           (memcmp(entry->to_hash, newest.to_hash, sizeof no_hash) == 0 ||
            memcmp(entry->to_hash, no_hash, sizeof no_hash) == 0);
}

static int refused(const struct boot_pair *pair, int reason, enum dfu_image_fault fault)
{
    uint32_t off = dfu_slot_upload_offset(cfg_of(pair)->map, pair->image);
    struct dfu_history_entry entry =
        entry_of(pair, DFU_HISTORY_REFUSED, (struct swap_place){ pair->primary, 0 },
                 (struct swap_place){ pair->secondary, off });

    if (is_remains(pair, &entry)) {
        return DFU_OK;
    }
    entry.reason = reason;
    entry.fault = fault;
    if (reason != DFU_ERR_VERIFY && reason != DFU_ERR_DEPENDS && reason != DFU_ERR_PERM) {
        entry.result = reason == DFU_ERR_NOENT ? DFU_HISTORY_REFUSED : DFU_HISTORY_FAILED;
    }
    return append(cfg_of(pair), &entry);
}

/* A trial that was confirmed in the meantime. */
static int runs(const struct dfu_boot_config *cfg)
{
    int err = DFU_OK;

    for (uint8_t i = 0; !err && i < cfg->map->image_count; i++) {
        const struct dfu_area *primary = cfg->map->images[i].primary;
        struct dfu_history_entry newest;
        struct dfu_image_version version;
        struct dfu_slot_state state;
        struct dfu_record record;

        if (dfu_record_open(&record, cfg->history->area) != DFU_OK ||
            read_newest(&record, i, &newest) != DFU_OK || newest.result != DFU_HISTORY_TRIAL ||
            dfu_slot_state_read(cfg->map, primary, &state) != DFU_OK ||
            state.image_ok == DFU_FLAG_UNSET || !read_version(primary, 0, &version) ||
            dfu_image_version_compare(&version, &newest.to, true) != 0) {
            continue;
        }
        newest.result = DFU_HISTORY_CONFIRMED;
        err = append(cfg, &newest);
    }
    return err;
}

const struct dfu_boot_history_rules dfu_boot_history_rules = {
    .swapped = swapped,
    .overwrites = overwrites,
    .overwritten = overwritten,
    .refused = refused,
    .runs = runs,
};
