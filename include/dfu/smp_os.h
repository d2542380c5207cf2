/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_os.h - SMP group 0: echo, reset, parameters, application info, bootloader info, date and
 * time. Commands without their operation here are answered "not supported". */
#ifndef DFU_SMP_OS_H
#define DFU_SMP_OS_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_os;

/* Local wall-clock time, no zone. */
struct dfu_smp_time {
    uint16_t year; /* 1900 and later */
    uint8_t month, day, hour, minute, second;
    uint16_t millisecond;
};

/* A thread of the application, for task statistics. */
struct dfu_smp_task {
    const char *name;
    int8_t priority;
    uint8_t state;                   /* the kernel's bits */
    uint32_t stack_size, stack_used; /* bytes, told in words of 4; size 0: not known */
    bool has_runtime;
    uint64_t runtime; /* cycles */
};

/* A pool of memory. */
struct dfu_smp_pool {
    const char *name;
    uint32_t block_size, blocks, blocks_free, blocks_free_min;
};

/* The ctx of the binding. Strings are the caller's and must stay; NULL ones are "unknown", but a
 * NULL build_time takes the letter b away, as in a build without it. */
struct dfu_smp_os {
    const char *kernel;     /* s */
    const char *node;       /* n */
    const char *release;    /* r */
    const char *version;    /* v */
    const char *build_time; /* b */
    const char *machine;    /* m */
    const char *processor;  /* p */
    const char *board;      /* i */
    const char *os;         /* o */

    const char *bootloader; /* "MCUboot"; NULL: no bootloader info */
    int8_t boot_mode;       /* enum dfu_boot_mode, -1 unknown */
    bool no_downgrade;      /* the bootloader refuses older images */
    bool clock_has_ms;      /* print milliseconds */
    bool takes_boot_mode;   /* hand the requested boot mode to reset; else 0 */
    bool no_echo, no_info;  /* no such command */

    /* Note that a restart is wanted; it must come after the answer was sent (the field waits
     * 250 ms). 0, DFU_ERR_BUSY (rc 10) or DFU_ERR_PERM (rc 11). NULL: no reset command. */
    int (*reset)(void *ctx, bool force, uint8_t boot_mode);
    /* DFU_ERR_NOENT if the clock was never set. NULL: no such command. */
    int (*clock_get)(void *ctx, struct dfu_smp_time *time);
    int (*clock_set)(void *ctx, const struct dfu_smp_time *time);
    /* The index-th thread or pool; DFU_ERR_NOENT behind the last. NULL: no such command. */
    int (*task)(void *ctx, uint32_t index, struct dfu_smp_task *task);
    int (*pool)(void *ctx, uint32_t index, struct dfu_smp_pool *pool);
    /* Whether a console shows what is typed. NULL: no such command. */
    void (*echo_control)(void *ctx, bool is_on);
    void *ctx;
};

/* DFU_SMP_EV_OS_INFO_CHECK: a letter that is none of the above. A hook that knows it sets
 * *is_known, and appends its text when DFU_SMP_EV_OS_INFO_APPEND comes, behind all others. */
struct dfu_smp_info_check_event {
    char letter;
    bool *is_known;
};

struct dfu_smp_info_append_event {
    struct dfu_cbor_span format; /* as asked for, or "s" */
    bool is_all;                 /* the letter a was among them */
    char *output;                /* with its NUL; cap bytes. What does not fit refuses: rc 7 */
    size_t cap;
};

/* DFU_SMP_EV_OS_BOOTINFO: query is empty where none was given. A hook that answers it encodes
 * its keys and sets *is_answered. */
struct dfu_smp_bootinfo_event {
    struct dfu_cbor_span query;
    struct dfu_cbor_encoder *enc;
    bool *is_answered;
};

#ifdef __cplusplus
}
#endif
#endif
