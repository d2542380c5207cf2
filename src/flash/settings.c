/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A bank is a head of 32 bytes, then entries of 96. The head is magic (4), sequence (4), CRC-32 of
 * both (4). An entry is name length (1), value length (1; 0xfe: deleted), 0x5e57 (2), CRC-32 of the
 * rest (4), name (31), value (32). All little-endian, filled up with zeros. Entries of one size lie
 * where no value can be taken for one, whatever a cut left before it. */
#include "dfu/settings.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define HEAD_SIZE  32u
#define BANK_MAGIC 0x31544553u
#define ENTRY_SIZE 96u
#define ENTRY_MARK 0x5e57u
#define DELETED    0xfeu
#define CRC_OFF    4u
#define NAME_OFF   8u
#define VALUE_OFF  (NAME_OFF + DFU_SETTING_NAME_MAX)

static uint32_t entry_crc(const uint8_t raw[ENTRY_SIZE])
{
    return dfu_crc32(dfu_crc32(0, raw, CRC_OFF), raw + NAME_OFF, ENTRY_SIZE - NAME_OFF);
}

static void entry_encode(const struct dfu_setting *setting, uint8_t raw[ENTRY_SIZE])
{
    memset(raw, 0, ENTRY_SIZE);
    raw[0] = setting->name_len;
    raw[1] = setting->is_deleted ? DELETED : setting->value_len;
    put_le16(raw + 2, ENTRY_MARK);
    memcpy(raw + NAME_OFF, setting->name, setting->name_len);
    if (!setting->is_deleted) {
        memcpy(raw + VALUE_OFF, setting->value, setting->value_len);
    }
    put_le32(raw + CRC_OFF, entry_crc(raw));
}

/* False: nothing there, or only a part of an entry. */
static bool entry_decode(const uint8_t raw[ENTRY_SIZE], struct dfu_setting *out)
{
    bool is_deleted = raw[1] == DELETED;

    if (get_le16(raw + 2) != ENTRY_MARK || raw[0] == 0 || raw[0] > DFU_SETTING_NAME_MAX ||
        (!is_deleted && raw[1] > DFU_SETTING_VALUE_MAX) ||
        get_le32(raw + CRC_OFF) != entry_crc(raw)) {
        return false;
    }
    *out = (struct dfu_setting){ .name_len = raw[0],
                                 .value_len = is_deleted ? 0 : raw[1],
                                 .is_deleted = is_deleted };
    memcpy(out->name, raw + NAME_OFF, raw[0]);
    memcpy(out->value, raw + VALUE_OFF, out->value_len);
    return true;
}

/* ---- The table ---- */

static struct dfu_setting *find(const struct dfu_settings *settings, const char *name, size_t len)
{
    for (size_t i = 0; i < settings->capacity; i++) {
        struct dfu_setting *setting = &settings->table[i];

        if (len > 0 && setting->name_len == len && memcmp(setting->name, name, len) == 0) {
            return setting;
        }
    }
    return NULL;
}

static struct dfu_setting *find_free(const struct dfu_settings *settings)
{
    for (size_t i = 0; i < settings->capacity; i++) {
        if (settings->table[i].name_len == 0) {
            return &settings->table[i];
        }
    }
    return NULL;
}

int dfu_settings_get(const struct dfu_settings *settings, const char *name, size_t name_len,
                     void *value, size_t cap)
{
    const struct dfu_setting *setting = find(settings, name, name_len);

    if (!setting || setting->is_deleted) {
        return DFU_ERR_NOENT;
    }
    if (setting->value_len > cap) {
        return DFU_ERR_NOSPACE;
    }
    memcpy(value, setting->value, setting->value_len);
    return setting->value_len;
}

int dfu_settings_set(struct dfu_settings *settings, const char *name, size_t name_len,
                     const void *value, size_t len)
{
    struct dfu_setting *setting;

    if (name_len == 0 || name_len > DFU_SETTING_NAME_MAX || len > DFU_SETTING_VALUE_MAX) {
        return DFU_ERR_RANGE;
    }
    setting = find(settings, name, name_len);
    if (!setting) {
        setting = find_free(settings);
    }
    if (!setting) {
        return DFU_ERR_NOSPACE;
    }
    if (setting->name_len > 0 && !setting->is_deleted && setting->value_len == len &&
        memcmp(setting->value, value, len) == 0) {
        return DFU_OK;
    }
    *setting = (struct dfu_setting){ .name_len = (uint8_t)name_len,
                                     .value_len = (uint8_t)len,
                                     .is_changed = true };
    memcpy(setting->name, name, name_len);
    memcpy(setting->value, value, len);
    return DFU_OK;
}

int dfu_settings_delete(struct dfu_settings *settings, const char *name, size_t name_len)
{
    struct dfu_setting *setting = find(settings, name, name_len);

    if (!setting || setting->is_deleted) {
        return DFU_ERR_NOENT;
    }
    setting->is_deleted = true;
    setting->is_changed = true;
    return DFU_OK;
}

/* ---- The log ---- */

/* The sequence of a bank's head; 0: it has none. */
static int bank_sequence(const struct dfu_settings *settings, uint32_t bank, uint32_t *sequence)
{
    uint8_t raw[HEAD_SIZE];
    int err = dfu_area_read(settings->area, bank, raw, sizeof raw);

    *sequence = 0;
    if (!err && get_le32(raw) == BANK_MAGIC && get_le32(raw + 8) == dfu_crc32(0, raw, 8)) {
        *sequence = get_le32(raw + 4);
    }
    return err;
}

static int write_head(const struct dfu_settings *settings, uint32_t bank, uint32_t sequence)
{
    uint8_t raw[HEAD_SIZE] = { 0 };

    put_le32(raw, BANK_MAGIC);
    put_le32(raw + 4, sequence);
    put_le32(raw + 8, dfu_crc32(0, raw, 8));
    return dfu_area_write(settings->area, bank, raw, sizeof raw);
}

/* 1: *out is the entry; 0: there is none; or an error. */
static int read_entry(const struct dfu_settings *settings, uint32_t off, struct dfu_setting *out)
{
    uint8_t raw[ENTRY_SIZE];
    int err = dfu_area_read(settings->area, off, raw, sizeof raw);

    return err ? err : entry_decode(raw, out);
}

static bool has_room(const struct dfu_settings *settings, uint32_t off)
{
    return span_fits(off - settings->bank, ENTRY_SIZE, settings->bank_size);
}

static int take_entry(struct dfu_settings *settings, const struct dfu_setting *entry)
{
    struct dfu_setting *setting = find(settings, entry->name, entry->name_len);

    if (!setting) {
        setting = find_free(settings);
    }
    if (!setting) {
        return DFU_ERR_NOSPACE;
    }
    *setting = *entry;
    return DFU_OK;
}

/* Read all entries of the live bank. Behind what a cut left of one, whole ones may follow; the
 * next goes behind the last place that is not erased. */
static int replay(struct dfu_settings *settings)
{
    settings->next = settings->bank + HEAD_SIZE;
    for (uint32_t off = settings->next; has_room(settings, off); off += ENTRY_SIZE) {
        struct dfu_setting entry = { 0 };
        int found = read_entry(settings, off, &entry);
        int is_erased = 0;

        if (found == 1) {
            found = take_entry(settings, &entry);
        } else if (found == 0) {
            is_erased = dfu_area_is_erased(settings->area, off, ENTRY_SIZE);
            found = is_erased < 0 ? is_erased : 0;
        }
        if (found < 0) {
            return found;
        }
        settings->next = is_erased ? settings->next : off + ENTRY_SIZE;
    }
    return DFU_OK;
}

/* A deleted name is kept in the table only until flash has forgotten it. */
static void drop_deleted(struct dfu_settings *settings)
{
    for (size_t i = 0; i < settings->capacity; i++) {
        if (settings->table[i].is_deleted && !settings->table[i].is_changed) {
            settings->table[i].name_len = 0;
        }
    }
}

int dfu_settings_load(struct dfu_settings *settings)
{
    uint32_t first, second;
    int err;

    if (!settings->area) {
        return DFU_OK;
    }
    memset(settings->table, 0, settings->capacity * sizeof *settings->table);
    settings->sequence = 0;
    err = bank_sequence(settings, 0, &first);
    if (!err) {
        err = bank_sequence(settings, settings->bank_size, &second);
    }
    if (err) {
        return err;
    }
    settings->sequence = max_u32(first, second);
    settings->bank = second > first ? settings->bank_size : 0;
    if (settings->sequence == 0) {
        return DFU_OK;
    }
    err = replay(settings);
    drop_deleted(settings);
    return err;
}

/* Where the second half begins; 0: the area can't be cut so. */
static uint32_t bank_size_of(const struct dfu_area *area)
{
    uint32_t sectors = dfu_area_sector_count(area);
    struct dfu_sector middle, last;

    if (sectors < 2 || dfu_area_sector(area, sectors / 2, &middle) != DFU_OK ||
        middle.off % HEAD_SIZE != 0 || middle.off > area->size - middle.off ||
        dfu_area_sector_at(area, 2 * middle.off - 1, &last) != DFU_OK ||
        last.off + last.size != 2 * middle.off) {
        return 0;
    }
    return middle.off;
}

int dfu_settings_open(struct dfu_settings *settings, const struct dfu_area *area)
{
    uint32_t bank_size = bank_size_of(area);

    if (bank_size < HEAD_SIZE || settings->capacity > (bank_size - HEAD_SIZE) / ENTRY_SIZE) {
        return DFU_ERR_INVAL;
    }
    settings->area = area;
    settings->bank_size = bank_size;
    return dfu_settings_load(settings);
}

/* ---- Save ---- */

/* One value behind the others. DFU_ERR_NOSPACE if the bank is full. A place that reads erased may
 * refuse (DFU_ERR_IO): a torn program can leave no visible bit. */
static int append(struct dfu_settings *settings, const struct dfu_setting *setting)
{
    uint8_t raw[ENTRY_SIZE];
    int err;

    if (!has_room(settings, settings->next)) {
        return DFU_ERR_NOSPACE;
    }
    entry_encode(setting, raw);
    err = dfu_area_write(settings->area, settings->next, raw, sizeof raw);
    settings->next += err ? 0 : ENTRY_SIZE;
    return err;
}

static bool has_name(const struct dfu_setting *setting, const struct dfu_setting *other)
{
    return setting->name_len == other->name_len &&
           memcmp(setting->name, other->name, setting->name_len) == 0;
}

/* What flash holds under the name of a setting; DFU_ERR_NOENT if nothing. */
static int stored_entry(const struct dfu_settings *settings, const struct dfu_setting *setting,
                        struct dfu_setting *out)
{
    struct dfu_setting entry = { 0 };
    int found = DFU_ERR_NOENT;

    for (uint32_t off = settings->bank + HEAD_SIZE; settings->sequence && off < settings->next;
         off += ENTRY_SIZE) {
        int err = read_entry(settings, off, &entry);

        if (err < 0) {
            return err;
        }
        if (err == 1 && has_name(&entry, setting)) {
            *out = entry;
            found = entry.is_deleted ? DFU_ERR_NOENT : DFU_OK;
        }
    }
    return found;
}

/* The names that a save is about. */
struct wanted {
    const char *prefix;
    size_t len;
};

static bool is_wanted(const struct dfu_setting *setting, struct wanted wanted)
{
    return setting->name_len > 0 && setting->name_len >= wanted.len &&
           (wanted.len == 0 || memcmp(setting->name, wanted.prefix, wanted.len) == 0);
}

/* Copy one name into the new bank: the value in RAM if it is to be saved, else flash's. */
static int carry(const struct dfu_settings *from, struct dfu_settings *to,
                 const struct dfu_setting *setting, struct wanted wanted)
{
    struct dfu_setting entry = *setting;
    int err = DFU_OK;

    if (setting->is_changed && !is_wanted(setting, wanted)) {
        err = stored_entry(from, setting, &entry);
    } else if (setting->is_deleted) {
        err = DFU_ERR_NOENT;
    }
    return err == DFU_ERR_NOENT ? DFU_OK : err ? err : append(to, &entry);
}

static void mark_saved(struct dfu_settings *settings, struct wanted wanted)
{
    for (size_t i = 0; i < settings->capacity; i++) {
        if (is_wanted(&settings->table[i], wanted)) {
            settings->table[i].is_changed = false;
        }
    }
}

/* Write all that is live to the other bank, and its head last. */
static int compact(struct dfu_settings *settings, struct wanted wanted)
{
    struct dfu_settings to = *settings;
    int err;

    to.bank = settings->sequence && settings->bank == 0 ? settings->bank_size : 0;
    to.next = to.bank + HEAD_SIZE;
    to.sequence = settings->sequence + 1;
    err = dfu_area_erase(settings->area, to.bank, to.bank_size);
    for (size_t i = 0; !err && i < settings->capacity; i++) {
        if (settings->table[i].name_len > 0) {
            err = carry(settings, &to, &settings->table[i], wanted);
        }
    }
    if (!err) {
        err = write_head(&to, to.bank, to.sequence);
    }
    if (!err) {
        *settings = to;
        mark_saved(settings, wanted);
    }
    return err;
}

int dfu_settings_save(struct dfu_settings *settings, const char *prefix, size_t prefix_len)
{
    struct wanted wanted = { prefix, prefix_len };
    int err = DFU_OK;

    if (!settings->area) {
        return DFU_ERR_NOTSUP;
    }
    for (size_t i = 0; !err && i < settings->capacity; i++) {
        struct dfu_setting *setting = &settings->table[i];

        if (!setting->is_changed || !is_wanted(setting, wanted)) {
            continue;
        }
        err = settings->sequence ? append(settings, setting) : DFU_ERR_NOSPACE;
        if (err == DFU_ERR_NOSPACE || err == DFU_ERR_IO) {
            err = compact(settings, wanted);
        }
        setting->is_changed = err != DFU_OK;
    }
    drop_deleted(settings);
    return err;
}

/* ---- Progress of an upload ---- */

static int upload_save(void *ctx, const void *data, size_t len)
{
    int err = dfu_settings_set(ctx, DFU_SETTINGS_UPLOAD, sizeof DFU_SETTINGS_UPLOAD - 1, data, len);

    return err ? err : dfu_settings_save(ctx, DFU_SETTINGS_UPLOAD, sizeof DFU_SETTINGS_UPLOAD - 1);
}

static int upload_load(void *ctx, void *data, size_t cap)
{
    return dfu_settings_get(ctx, DFU_SETTINGS_UPLOAD, sizeof DFU_SETTINGS_UPLOAD - 1, data, cap);
}

static int upload_clear(void *ctx)
{
    int err = dfu_settings_delete(ctx, DFU_SETTINGS_UPLOAD, sizeof DFU_SETTINGS_UPLOAD - 1);

    if (err) {
        return err == DFU_ERR_NOENT ? DFU_OK : err;
    }
    return dfu_settings_save(ctx, DFU_SETTINGS_UPLOAD, sizeof DFU_SETTINGS_UPLOAD - 1);
}

struct dfu_stream_store dfu_settings_stream_store(struct dfu_settings *settings)
{
    return (struct dfu_stream_store){ upload_save, upload_load, upload_clear, settings };
}
