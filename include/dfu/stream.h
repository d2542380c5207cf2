/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* stream.h - write bytes to flash one after the other: collected into blocks, erased just ahead
 * if wanted, and resumable (Zephyr's stream_flash, its strict rules always on).
 *
 * The caller owns context, buffer and progress store. A power cut leaves whole blocks, one torn
 * block and erased or half-erased flash after it; dfu_stream_progress_load() finds a point from
 * which it is safe to go on. */
#ifndef DFU_STREAM_H
#define DFU_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dfu_stream_config {
    const struct dfu_area *area;
    uint8_t *buf;
    size_t buf_len;     /* a multiple of the write size, no larger than any sector written to */
    uint32_t off, size; /* what of the area; both multiples of the write size, size not 0 */
    bool erase_ahead;   /* erase each sector just before its first block; off is a sector border */
    /* Program no units of nothing but erased bytes at either end of a block. Then a sector that
     * reads erased was never programmed, unless power or flash failed. */
    bool leaves_erased;
    /* After each block, with what flash now holds (read back into buf). A negative result is
     * returned by the write that caused it, and the block stays buffered. May be NULL. */
    int (*after_write)(void *ctx, const uint8_t *data, size_t len, uint32_t off);
    void *ctx;
};

struct dfu_stream {
    struct dfu_stream_config config;
    uint32_t written;   /* payload bytes programmed */
    uint32_t erased_to; /* from config.off: known to be erased or written up to here */
    uint32_t buffered;
    bool is_ended; /* flushed off the write grid: nothing can follow */
};

/* DFU_ERR_INVAL, DFU_ERR_ALIGN or DFU_ERR_RANGE, and nothing touched, if a rule above is broken. */
int dfu_stream_init(struct dfu_stream *stream, const struct dfu_stream_config *config);

/* Take len bytes (data may be NULL if 0); flush programs what is buffered, padded to the write
 * size with the erased value. DFU_ERR_NOSPACE beyond the stream's size: nothing is taken then.
 * A flush that needed padding ends the stream: DFU_ERR_STATE for more bytes. After a flash
 * error the bytes already buffered count as taken. */
int dfu_stream_buffered_write(struct dfu_stream *stream, const void *data, size_t len, bool flush);

/* Payload programmed, without padding; payload still in the buffer. */
uint32_t dfu_stream_bytes_written(const struct dfu_stream *stream);
uint32_t dfu_stream_bytes_buffered(const struct dfu_stream *stream);

/* Go on behind the next len bytes, which flash holds already; what is buffered is programmed first.
 * With erase_ahead they must be whole sectors, but for the stream's last (DFU_ERR_ALIGN), that were
 * not erased yet (DFU_ERR_STATE). DFU_ERR_NOSPACE beyond the stream's size. */
int dfu_stream_skip(struct dfu_stream *stream, uint32_t len);

/* Erase the sector that holds this offset of the area, unless the stream has already done so.
 * DFU_ERR_RANGE outside the stream. */
int dfu_stream_erase_page(struct dfu_stream *stream, uint32_t off);

/* ---- Progress ---- */

/* Which image is being written, so that another one never continues it. */
struct dfu_stream_identity {
    uint32_t length;
    uint8_t hash[8]; /* the first bytes of whatever hash the transport knows, or zeros */
};

#define DFU_STREAM_PROGRESS_SIZE 20u

/* Where progress is kept: one small record under a name that the caller's ctx knows. */
struct dfu_stream_store {
    int (*save)(void *ctx, const void *record, size_t len);
    int (*load)(void *ctx, void *record, size_t cap); /* its length, or DFU_ERR_NOENT */
    int (*clear)(void *ctx);                          /* no record is fine */
    void *ctx;
};

/* Store how far programming got. */
int dfu_stream_progress_save(const struct dfu_stream *stream, const struct dfu_stream_store *store,
                             const struct dfu_stream_identity *identity);

/* Right after init. Goes on at the last saved point, rounded down so that no unit which a cut may
 * have touched is programmed twice: to the sector's start with erase_ahead, else to the write
 * size. 0 without a record too (nothing changes), or if the record lies behind the stream.
 * DFU_ERR_NOENT: the record is of another image; DFU_ERR_FORMAT: it is damaged; DFU_ERR_STATE:
 * flash behind the point isn't erased and erase_ahead is off. The stream is then unchanged. */
int dfu_stream_progress_load(struct dfu_stream *stream, const struct dfu_stream_store *store,
                             const struct dfu_stream_identity *identity);

/* Forget the record: the image is complete, or is not wanted any more. */
int dfu_stream_progress_clear(const struct dfu_stream_store *store);

#ifdef __cplusplus
}
#endif
#endif
