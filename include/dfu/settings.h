/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* settings.h - named values that an application and its operators change while it runs, and that
 * survive resets once they are saved.
 *
 * Values live in a table in RAM, which is the caller's. A save appends each changed value to a
 * log on flash; a cut at any point leaves the old value of a name or the new one. The area is cut
 * into two banks: when one is full, what is live goes to the other, whose head is written last. */
#ifndef DFU_SETTINGS_H
#define DFU_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/flash.h"
#include "dfu/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SETTING_NAME_MAX  31u /* bytes, without a NUL */
#define DFU_SETTING_VALUE_MAX 32u

struct dfu_setting {
    uint8_t name_len; /* 0: a free place */
    uint8_t value_len;
    bool is_deleted, is_changed; /* against what flash holds */
    char name[DFU_SETTING_NAME_MAX];
    uint8_t value[DFU_SETTING_VALUE_MAX];
};

struct dfu_settings {
    struct dfu_setting *table; /* zeroed at first */
    size_t capacity;
    const struct dfu_area *area; /* NULL: values are kept in RAM only */

    /* what the log found out */
    uint32_t bank_size, bank, next; /* the live bank's offset; where the next entry goes */
    uint32_t sequence;              /* of the live bank; 0: there is none */
};

/* Take an area, cut at the border in its middle; of an odd number of sectors the last stays unused.
 * Then load. DFU_ERR_INVAL for fewer than two sectors, halves that differ more, or one that is too
 * small for the table. */
int dfu_settings_open(struct dfu_settings *settings, const struct dfu_area *area);

/* Make the table what flash holds; values that were never saved are gone. Without an area nothing
 * happens. */
int dfu_settings_load(struct dfu_settings *settings);

/* Write what has changed: all of it, or the names that begin with a prefix. DFU_ERR_NOTSUP
 * without an area. */
int dfu_settings_save(struct dfu_settings *settings, const char *prefix, size_t prefix_len);

/* The value's length, DFU_ERR_NOENT, or DFU_ERR_NOSPACE where cap is too small. */
int dfu_settings_get(const struct dfu_settings *settings, const char *name, size_t name_len,
                     void *value, size_t cap);

/* DFU_ERR_RANGE: name or value too long, or no name. DFU_ERR_NOSPACE: the table is full. */
int dfu_settings_set(struct dfu_settings *settings, const char *name, size_t name_len,
                     const void *value, size_t len);

/* Forget a value, on flash with the next save. DFU_ERR_NOENT if there is none. */
int dfu_settings_delete(struct dfu_settings *settings, const char *name, size_t name_len);

/* How far an upload got, as a value among the others: the progress store of a stream, for devices
 * whose storage is small. It takes one place of the table, is saved at once and alone, and names
 * that begin so are not for operators. */
#define DFU_SETTINGS_OWN    "dfu/"
#define DFU_SETTINGS_UPLOAD "dfu/upload"
struct dfu_stream_store dfu_settings_stream_store(struct dfu_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
