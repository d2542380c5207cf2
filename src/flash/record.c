/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* An entry is sequence (4), length (2), CRC-16 over both and the data (2), data (24); all
 * little-endian. A cleared record is an entry without data. */
#include "dfu/record.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define ENTRY_SIZE  32u
#define HEADER_SIZE 8u

struct entry {
    uint32_t sequence;
    uint16_t len;
    uint8_t data[DFU_RECORD_MAX];
};

static uint16_t entry_crc(const uint8_t raw[ENTRY_SIZE])
{
    return dfu_crc16(dfu_crc16(0, raw, 6), raw + HEADER_SIZE, ENTRY_SIZE - HEADER_SIZE);
}

/* False: nothing there, or only a part of an entry. */
static bool entry_decode(const uint8_t raw[ENTRY_SIZE], struct entry *out)
{
    out->sequence = get_le32(raw);
    out->len = get_le16(raw + 4);
    if (out->sequence == 0 || out->len > DFU_RECORD_MAX || get_le16(raw + 6) != entry_crc(raw)) {
        return false;
    }
    memcpy(out->data, raw + HEADER_SIZE, DFU_RECORD_MAX);
    return true;
}

static void entry_encode(const struct entry *entry, uint8_t raw[ENTRY_SIZE])
{
    memset(raw, 0, ENTRY_SIZE);
    put_le32(raw, entry->sequence);
    put_le16(raw + 4, entry->len);
    memcpy(raw + HEADER_SIZE, entry->data, entry->len);
    put_le16(raw + 6, entry_crc(raw));
}

static int check_area(const struct dfu_area *area)
{
    if (dfu_area_sector_count(area) < 2 || area->write_size > ENTRY_SIZE) {
        return DFU_ERR_INVAL;
    }
    for (uint8_t i = 0; i < area->run_count; i++) {
        if (area->runs[i].size % ENTRY_SIZE != 0) {
            return DFU_ERR_INVAL;
        }
    }
    return DFU_OK;
}

int dfu_record_open(struct dfu_record *record, const struct dfu_area *area)
{
    uint8_t raw[ENTRY_SIZE];
    struct entry entry;
    int err = check_area(area);

    *record = (struct dfu_record){ .area = area };
    for (uint32_t off = 0; !err && off < area->size; off += ENTRY_SIZE) {
        err = dfu_area_read(area, off, raw, sizeof raw);
        if (!err && entry_decode(raw, &entry) && entry.sequence > record->sequence) {
            record->sequence = entry.sequence;
            record->newest = off;
        }
    }
    /* Without an entry the first one goes to the second sector, as if the first were full. */
    record->next = record->sequence ? record->newest + ENTRY_SIZE : area->runs[0].size;
    return err;
}

/* Where an entry can be written: the next erased place of the newest one's sector, else the start
 * of the sector after it, erased for the purpose. */
static int find_place(struct dfu_record *record)
{
    const struct dfu_area *area = record->area;
    struct dfu_sector sector;
    uint32_t off = record->next;
    int err;

    while (off < area->size && dfu_area_sector_at(area, off, &sector) == DFU_OK &&
           off != sector.off) {
        int is_erased = dfu_area_is_erased(area, off, ENTRY_SIZE);

        if (is_erased < 0) {
            return is_erased;
        }
        if (is_erased) {
            record->next = off;
            return DFU_OK;
        }
        off += ENTRY_SIZE;
    }
    off = off < area->size ? off : 0;
    err = dfu_area_sector_at(area, off, &sector);
    if (!err) {
        err = dfu_area_erase(area, off, sector.size);
    }
    record->next = off;
    return err;
}

static int append(struct dfu_record *record, const struct entry *entry)
{
    uint8_t raw[ENTRY_SIZE];
    int err;

    entry_encode(entry, raw);
    /* A place that reads erased may still refuse: a torn program can leave no visible bit. */
    do {
        err = find_place(record);
        if (err) {
            return err;
        }
        err = dfu_area_write(record->area, record->next, raw, sizeof raw);
        record->newest = err ? record->newest : record->next;
        record->next += ENTRY_SIZE;
    } while (err == DFU_ERR_IO && record->next < record->area->size);
    record->sequence = err ? record->sequence : entry->sequence;
    return err;
}

int dfu_record_save(struct dfu_record *record, const void *data, size_t len)
{
    struct entry entry = { .sequence = record->sequence + 1, .len = (uint16_t)len };

    if (len == 0 || len > DFU_RECORD_MAX) {
        return DFU_ERR_INVAL;
    }
    memcpy(entry.data, data, len);
    return append(record, &entry);
}

int dfu_record_load(const struct dfu_record *record, void *data, size_t cap)
{
    uint8_t raw[ENTRY_SIZE];
    struct entry entry;
    int err;

    if (record->sequence == 0) {
        return DFU_ERR_NOENT;
    }
    err = dfu_area_read(record->area, record->newest, raw, sizeof raw);
    if (err) {
        return err;
    }
    if (!entry_decode(raw, &entry) || entry.len == 0) {
        return DFU_ERR_NOENT;
    }
    if (entry.len > cap) {
        return DFU_ERR_NOSPACE;
    }
    memcpy(data, entry.data, entry.len);
    return entry.len;
}

int dfu_record_load_older(const struct dfu_record *record, uint32_t age, void *data, size_t cap)
{
    uint8_t raw[ENTRY_SIZE];
    struct entry entry;

    if (age >= record->sequence) {
        return DFU_ERR_NOENT;
    }
    for (uint32_t off = 0; off < record->area->size; off += ENTRY_SIZE) {
        int err = dfu_area_read(record->area, off, raw, sizeof raw);

        if (err) {
            return err;
        }
        if (!entry_decode(raw, &entry) || entry.sequence != record->sequence - age) {
            continue;
        }
        if (entry.len == 0 || entry.len > cap) {
            return entry.len == 0 ? DFU_ERR_NOENT : DFU_ERR_NOSPACE;
        }
        memcpy(data, entry.data, entry.len);
        return entry.len;
    }
    return DFU_ERR_NOENT;
}

int dfu_record_clear(struct dfu_record *record)
{
    struct entry entry = { .sequence = record->sequence + 1 };
    uint8_t unused[DFU_RECORD_MAX];
    int len = dfu_record_load(record, unused, sizeof unused);

    return len == DFU_ERR_NOENT ? DFU_OK : len < 0 ? len : append(record, &entry);
}

static int store_save(void *ctx, const void *data, size_t len)
{
    return dfu_record_save(ctx, data, len);
}

static int store_load(void *ctx, void *data, size_t cap)
{
    return dfu_record_load(ctx, data, cap);
}

static int store_clear(void *ctx)
{
    return dfu_record_clear(ctx);
}

struct dfu_stream_store dfu_record_store(struct dfu_record *record)
{
    return (struct dfu_stream_store){ store_save, store_load, store_clear, record };
}
