/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_settings.h - SMP group 3: read and write settings, over operations of the application. */
#ifndef DFU_SMP_SETTINGS_H
#define DFU_SMP_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/settings.h"
#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_settings;

enum dfu_smp_settings_id {
    DFU_SMP_SETTINGS_VALUE = 0,
    DFU_SMP_SETTINGS_DELETE = 1,
    DFU_SMP_SETTINGS_COMMIT = 2,
    DFU_SMP_SETTINGS_STORE = 3, /* read: load, write: save */
};

/* Names come without a NUL, with their length. 0 (get: the value's length) or an enum dfu_err:
 * DFU_ERR_NOENT: no such name; DFU_ERR_NOTSUP: this name can't be read, written, deleted or
 * saved; any other: unknown. A NULL operation is not supported for any name. */
struct dfu_settings_ops {
    int (*get)(void *ctx, const char *name, size_t name_len, void *value, size_t cap);
    int (*set)(void *ctx, const char *name, size_t name_len, const void *value, size_t len);
    int (*del)(void *ctx, const char *name, size_t name_len);
    int (*commit)(void *ctx);
    int (*load)(void *ctx);
    int (*save)(void *ctx, const char *prefix, size_t prefix_len);
};

/* Over a struct dfu_settings as ctx. Commit does nothing: values count as soon as they are set. */
extern const struct dfu_settings_ops dfu_settings_table_ops;

/* The ctx of the binding. */
struct dfu_smp_settings {
    const struct dfu_settings_ops *ops;
    void *ctx;
};

enum dfu_smp_settings_access {
    DFU_SMP_SETTINGS_READ,
    DFU_SMP_SETTINGS_WRITE,
    DFU_SMP_SETTINGS_REMOVE,
    DFU_SMP_SETTINGS_APPLY,
    DFU_SMP_SETTINGS_LOAD,
    DFU_SMP_SETTINGS_SAVE,
};

/* DFU_SMP_EV_SETTINGS_ACCESS. name and value are empty where the command has none. */
struct dfu_smp_settings_event {
    enum dfu_smp_settings_access access;
    struct dfu_cbor_span name, value;
};

#ifdef __cplusplus
}
#endif
#endif
