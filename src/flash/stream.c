/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Sequential writes. Always holds: everything up to config.off + written is programmed, nothing
 * after it is, and with erase_ahead everything up to config.off + erased_to has been erased. */
#include "dfu/stream.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

/* ---- Set-up ---- */

/* No block may be larger than a sector: one erase ahead of a block is then always enough. */
static int check_sectors(const struct dfu_stream_config *config)
{
    struct dfu_sector sector;

    for (uint32_t at = config->off; at - config->off < config->size;) {
        int err = dfu_area_sector_at(config->area, at, &sector);

        if (err) {
            return err;
        }
        if (config->buf_len > sector.size) {
            return DFU_ERR_RANGE;
        }
        if (config->erase_ahead && at == config->off && sector.off != at) {
            return DFU_ERR_ALIGN; /* the first erase would take bytes that are not ours */
        }
        at = sector.off + sector.size;
    }
    return DFU_OK;
}

int dfu_stream_init(struct dfu_stream *stream, const struct dfu_stream_config *config)
{
    int err;

    if (!stream || !config || !config->area || !config->buf || config->buf_len == 0 ||
        config->size == 0) {
        return DFU_ERR_INVAL;
    }
    if (config->buf_len % config->area->write_size != 0 ||
        config->off % config->area->write_size != 0 ||
        config->size % config->area->write_size != 0) {
        return DFU_ERR_ALIGN;
    }
    if (!span_fits(config->off, config->size, config->area->size)) {
        return DFU_ERR_RANGE;
    }
    err = check_sectors(config);
    if (err) {
        return err;
    }
    *stream = (struct dfu_stream){ .config = *config };
    return DFU_OK;
}

/* ---- Writing ---- */

/* Erase sectors from erased_to on until [0, end) of the stream is erased. */
static int erase_up_to(struct dfu_stream *stream, uint32_t end)
{
    const struct dfu_stream_config *config = &stream->config;
    struct dfu_sector sector;

    while (stream->erased_to < end) {
        int err = dfu_area_sector_at(config->area, config->off + stream->erased_to, &sector);

        if (!err) {
            err = dfu_area_erase(config->area, sector.off, sector.size);
        }
        if (err) {
            return err;
        }
        stream->erased_to = sector.off + sector.size - config->off;
    }
    return DFU_OK;
}

/* Read back what was programmed and show it. The buffer is spoilt first, so that a driver which
 * does not read is noticed. */
static int read_back(struct dfu_stream *stream, uint32_t off)
{
    const struct dfu_stream_config *config = &stream->config;
    int err;

    for (uint32_t i = 0; i < stream->buffered; i++) {
        config->buf[i] = (uint8_t)~config->buf[i];
    }
    err = dfu_area_read(config->area, off, config->buf, stream->buffered);
    if (err) {
        return err;
    }
    return config->after_write(config->ctx, config->buf, stream->buffered, off);
}

static bool reads_erased(const struct dfu_area *area, const uint8_t *unit)
{
    uint8_t i = 0;

    while (i < area->write_size && unit[i] == area->erased) {
        i++;
    }
    return i == area->write_size;
}

static int program(const struct dfu_stream_config *config, uint32_t off, uint32_t len)
{
    uint32_t unit = config->area->write_size;
    uint32_t from = 0;

    if (config->leaves_erased) {
        while (from < len && reads_erased(config->area, config->buf + from)) {
            from += unit;
        }
        while (len > from && reads_erased(config->area, config->buf + len - unit)) {
            len -= unit;
        }
    }
    return from == len ? DFU_OK
                       : dfu_area_write(config->area, off + from, config->buf + from, len - from);
}

/* Program what is buffered. On an error the bytes stay buffered. */
static int sync_block(struct dfu_stream *stream)
{
    const struct dfu_stream_config *config = &stream->config;
    uint32_t padded = round_up(stream->buffered, config->area->write_size);
    uint32_t off = config->off + stream->written;
    int err = DFU_OK;

    if (stream->buffered == 0) {
        return DFU_OK;
    }
    if (config->erase_ahead) {
        err = erase_up_to(stream, stream->written + padded);
    }
    if (err) {
        return err;
    }
    memset(config->buf + stream->buffered, config->area->erased, padded - stream->buffered);
    err = program(config, off, padded);
    if (!err && config->after_write) {
        err = read_back(stream, off);
    }
    if (err) {
        return err;
    }
    stream->is_ended = padded != stream->buffered;
    stream->written += stream->buffered;
    stream->buffered = 0;
    return DFU_OK;
}

int dfu_stream_buffered_write(struct dfu_stream *stream, const void *data, size_t len, bool flush)
{
    const uint8_t *from = data;
    uint32_t cap, taken;

    if (!stream || !stream->config.area || (!data && len > 0)) {
        return DFU_ERR_INVAL;
    }
    taken = stream->written + stream->buffered;
    if (len > stream->config.size - taken) {
        return DFU_ERR_NOSPACE;
    }
    if (stream->is_ended && len > 0) {
        return DFU_ERR_STATE;
    }
    cap = (uint32_t)stream->config.buf_len;
    while (len > 0 && len >= cap - stream->buffered) {
        uint32_t room = cap - stream->buffered;
        int err;

        memcpy(stream->config.buf + stream->buffered, from, room);
        stream->buffered = cap;
        from += room;
        len -= room;
        err = sync_block(stream);
        if (err) {
            return err;
        }
    }
    if (len > 0) {
        memcpy(stream->config.buf + stream->buffered, from, len);
        stream->buffered += (uint32_t)len;
    }
    return flush ? sync_block(stream) : DFU_OK;
}

/* Whether off (from the stream's start) is where a sector begins. */
static bool is_border(const struct dfu_stream *stream, uint32_t off)
{
    const struct dfu_stream_config *config = &stream->config;
    struct dfu_sector sector;

    return config->off + off == config->area->size ||
           (!dfu_area_sector_at(config->area, config->off + off, &sector) &&
            sector.off == config->off + off);
}

int dfu_stream_skip(struct dfu_stream *stream, uint32_t len)
{
    uint32_t end;
    int err;

    if (!stream || !stream->config.area) {
        return DFU_ERR_INVAL;
    }
    err = sync_block(stream);
    if (err || len == 0) {
        return err;
    }
    if (len > stream->config.size - stream->written) {
        return DFU_ERR_NOSPACE;
    }
    end = stream->written + len;
    if (stream->is_ended || (stream->config.erase_ahead && stream->erased_to > stream->written)) {
        return DFU_ERR_STATE;
    }
    /* It begins where a sector does: a part of one would have been erased. */
    if (stream->config.erase_ahead && !is_border(stream, end) &&
        stream->config.size - end >= stream->config.area->write_size) {
        return DFU_ERR_ALIGN;
    }
    stream->written = end;
    stream->erased_to = max_u32(stream->erased_to, end);
    stream->is_ended = end % stream->config.area->write_size != 0;
    return DFU_OK;
}

uint32_t dfu_stream_bytes_written(const struct dfu_stream *stream)
{
    return stream->written;
}

uint32_t dfu_stream_bytes_buffered(const struct dfu_stream *stream)
{
    return stream->buffered;
}

int dfu_stream_erase_page(struct dfu_stream *stream, uint32_t off)
{
    const struct dfu_stream_config *config = &stream->config;
    struct dfu_sector sector;
    int err;

    if (off < config->off || off - config->off >= config->size) {
        return DFU_ERR_RANGE;
    }
    if (off - config->off < stream->erased_to) {
        return DFU_OK;
    }
    err = dfu_area_sector_at(config->area, off, &sector);
    if (err) {
        return err;
    }
    err = dfu_area_erase(config->area, sector.off, sector.size);
    if (!err && sector.off == config->off + stream->erased_to) {
        stream->erased_to += sector.size;
    }
    return err;
}

/* ---- Progress: written, length, hash prefix, CRC-32 of those; little-endian ---- */

static void encode_progress(uint32_t written, const struct dfu_stream_identity *identity,
                            uint8_t out[DFU_STREAM_PROGRESS_SIZE])
{
    put_le32(out, written);
    put_le32(out + 4, identity->length);
    memcpy(out + 8, identity->hash, sizeof identity->hash);
    put_le32(out + 16, dfu_crc32(0, out, 16));
}

int dfu_stream_progress_save(const struct dfu_stream *stream, const struct dfu_stream_store *store,
                             const struct dfu_stream_identity *identity)
{
    uint8_t record[DFU_STREAM_PROGRESS_SIZE];

    if (!stream || !stream->config.area || !store || !identity) {
        return DFU_ERR_INVAL;
    }
    encode_progress(stream->written, identity, record);
    return store->save(store->ctx, record, sizeof record);
}

/* The saved point; 0 if there is none. */
static int load_record(const struct dfu_stream_store *store,
                       const struct dfu_stream_identity *identity, uint32_t *written)
{
    uint8_t record[DFU_STREAM_PROGRESS_SIZE];
    uint8_t expected[DFU_STREAM_PROGRESS_SIZE];
    int len = store->load(store->ctx, record, sizeof record);

    *written = 0;
    if (len < 0) {
        return len == DFU_ERR_NOENT ? DFU_OK : len;
    }
    if (len != (int)sizeof record || get_le32(record + 16) != dfu_crc32(0, record, 16)) {
        return DFU_ERR_FORMAT;
    }
    encode_progress(get_le32(record), identity, expected);
    if (memcmp(record, expected, sizeof record) != 0) {
        return DFU_ERR_NOENT;
    }
    *written = get_le32(record);
    return DFU_OK;
}

/* A cut may have touched what follows the saved point, even where it still reads erased: with
 * erase_ahead go back to the start of the sector, which is then erased again. */
static int resume_at(struct dfu_stream *stream, uint32_t written)
{
    const struct dfu_stream_config *config = &stream->config;
    uint32_t off = config->off + round_down(written, config->area->write_size);
    int erased;

    if (config->erase_ahead) {
        struct dfu_sector sector = { off, 0 }; /* a stream that is complete has none */
        int err = written < config->size ? dfu_area_sector_at(config->area, off, &sector) : DFU_OK;

        if (err) {
            return err;
        }
        stream->written = sector.off - config->off;
        stream->erased_to = stream->written;
        return DFU_OK;
    }
    erased = dfu_area_is_erased(config->area, off, config->off + config->size - off);
    if (erased < 0) {
        return erased;
    }
    if (!erased) {
        return DFU_ERR_STATE;
    }
    stream->written = off - config->off;
    return DFU_OK;
}

int dfu_stream_progress_load(struct dfu_stream *stream, const struct dfu_stream_store *store,
                             const struct dfu_stream_identity *identity)
{
    uint32_t written;
    int err;

    if (!stream || !stream->config.area || !store || !identity) {
        return DFU_ERR_INVAL;
    }
    if (stream->buffered > 0) {
        return DFU_ERR_STATE;
    }
    err = load_record(store, identity, &written);
    if (err) {
        return err;
    }
    if (written > stream->config.size) {
        return DFU_ERR_FORMAT;
    }
    return written <= stream->written ? DFU_OK : resume_at(stream, written);
}

int dfu_stream_progress_clear(const struct dfu_stream_store *store)
{
    return store ? store->clear(store->ctx) : DFU_ERR_INVAL;
}
