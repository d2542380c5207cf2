/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_crash.h - SMP group 5, mynewt's: crash the device on purpose, to see what it makes of it.
 * What it left is fetched with the image group's core commands (smp_img.h). */
#ifndef DFU_SMP_CRASH_H
#define DFU_SMP_CRASH_H

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_crash;

enum dfu_smp_crash_id { DFU_SMP_CRASH_NOW = 0 };

enum dfu_crash {
    DFU_CRASH_DIV0,  /* divide by zero */
    DFU_CRASH_JUMP0, /* jump to address 0 */
    DFU_CRASH_REF0,  /* read from address 0 */
    DFU_CRASH_ASSERT,
    DFU_CRASH_WDOG, /* hang until the watchdog bites */
};
#define DFU_CRASH_COUNT 5u

/* As in requests; NULL: there is no such crash. */
const char *dfu_crash_name(enum dfu_crash crash);

/* The ctx of the binding. crash may never return, and the client gets no answer then; or it notes
 * that the crash is to come once the answer is out. DFU_ERR_PERM is answered as rc 11. */
struct dfu_smp_crash {
    int (*crash)(void *ctx, enum dfu_crash crash);
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
