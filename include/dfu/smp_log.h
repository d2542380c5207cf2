/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_log.h - SMP group 4: read and clear the application's logs. The numbers and keys are
 * mynewt's; its servers know version 1 only, where every answer carries "rc". */
#ifndef DFU_SMP_LOG_H
#define DFU_SMP_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_log;

enum dfu_smp_log_id {
    DFU_SMP_LOG_SHOW = 0,
    DFU_SMP_LOG_CLEAR = 1,
    DFU_SMP_LOG_APPEND = 2, /* reserved: not supported */
    DFU_SMP_LOG_MODULES = 3,
    DFU_SMP_LOG_LEVELS = 4,
    DFU_SMP_LOG_LOGS = 5,
};

enum dfu_log_type { DFU_LOG_MEMORY = 1, DFU_LOG_STORAGE = 2 };
enum dfu_log_content { DFU_LOG_TEXT, DFU_LOG_CBOR, DFU_LOG_BINARY };

struct dfu_log_entry {
    uint32_t index;    /* counted over all logs, and never back */
    int64_t timestamp; /* microseconds */
    uint8_t level, module;
    enum dfu_log_content content;
    const uint8_t *image_hash; /* the first bytes of the running image's; or NULL */
    uint8_t image_hash_len;
    const void *message; /* valid until the next call */
    size_t message_len;
};

struct dfu_log {
    const char *name;
    enum dfu_log_type type;
    /* The place-th entry, oldest first. 0, or DFU_ERR_NOENT behind the newest. */
    int (*entry)(void *ctx, uint32_t place, struct dfu_log_entry *out);
    int (*clear)(void *ctx); /* 0 or an enum dfu_err; NULL: can't be cleared, rc 8 */
    void *ctx;
};

struct dfu_log_word {
    const char *name;
    uint8_t number;
};

/* The ctx of the binding. */
struct dfu_smp_log {
    const struct dfu_log *logs;
    size_t log_count;
    const uint32_t *next_index; /* of the entry that comes next */
    const struct dfu_log_word *modules, *levels;
    size_t module_count, level_count;
};

#ifdef __cplusplus
}
#endif
#endif
