/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* record.h - one small record that survives resets and power cuts, such as how far an upload got.
 *
 * The area's sectors are a ring that is only ever appended to; the newest whole entry counts. A
 * sector is erased when the entries before it are full, never the one that holds the newest, so a
 * cut at any point leaves the old record or the new one. */
#ifndef DFU_RECORD_H
#define DFU_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/flash.h"
#include "dfu/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_RECORD_MAX 24u /* bytes a record may have */

struct dfu_record {
    const struct dfu_area *area;
    uint32_t sequence; /* of the newest entry; 0: there is none */
    uint32_t newest;   /* where it lies */
    uint32_t next;     /* where the next one goes */
};

/* Find the newest entry. The area has at least two sectors, each a multiple of 32 bytes
 * (DFU_ERR_INVAL otherwise), and belongs to the record alone. */
int dfu_record_open(struct dfu_record *record, const struct dfu_area *area);

/* Append an entry of 1 to DFU_RECORD_MAX bytes (DFU_ERR_INVAL otherwise), copied; what was saved
 * before stays until the new one stands. Other errors are those of flash. */
int dfu_record_save(struct dfu_record *record, const void *data, size_t len);

/* The record's length, DFU_ERR_NOENT if there is none, DFU_ERR_NOSPACE if cap is too small. */
int dfu_record_load(const struct dfu_record *record, void *data, size_t cap);

/* The same for an entry so many saves ago, as far as the ring reaches; 0: the newest. */
int dfu_record_load_older(const struct dfu_record *record, uint32_t age, void *data, size_t cap);

/* Append an entry that says there is none; 0, too, where there was none. */
int dfu_record_clear(struct dfu_record *record);

/* The same as the progress store of a stream. */
struct dfu_stream_store dfu_record_store(struct dfu_record *record);

#ifdef __cplusplus
}
#endif
#endif
