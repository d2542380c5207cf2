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

    /* Note that a restart is wanted; it must come after the answer was sent (the field waits
     * 250 ms). 0, DFU_ERR_BUSY (rc 10) or DFU_ERR_PERM (rc 11). NULL: no reset command. */
    int (*reset)(void *ctx, bool force, uint8_t boot_mode);
    /* DFU_ERR_NOENT if the clock was never set. NULL: no such command. */
    int (*clock_get)(void *ctx, struct dfu_smp_time *time);
    int (*clock_set)(void *ctx, const struct dfu_smp_time *time);
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
