/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* progress.h - how far an update is, and how long it will still take: for a light that blinks, a
 * display, or somebody who is told not to pull the plug.
 *
 * Told after every sector that is erased and every buffer that is written, so often; the callback
 * runs in between, and is quick. A swap that power interrupted goes on counting where it was. Modes
 * that swap or overwrite; of a compressed image, what it decodes to is counted. */
#ifndef DFU_PROGRESS_H
#define DFU_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As data sheets have them. All zero: not known, and the part counts for nothing. */
struct dfu_flash_times {
    uint32_t erase_us, erase_size;     /* of one sector */
    uint32_t program_us, program_size; /* of one unit or page */
};

struct dfu_boot_progress_rules;
extern const struct dfu_boot_progress_rules dfu_boot_progress_rules;

/* The caller's, and read in its callback. */
struct dfu_boot_progress {
    const struct dfu_boot_progress_rules *rules; /* &dfu_boot_progress_rules */
    void (*report)(void *ctx, const struct dfu_boot_progress *progress);
    void *ctx;
    struct dfu_flash_times primary, secondary; /* a scratch area counts as the primary */

    /* filled */
    bool is_active;
    uint8_t image;
    uint32_t done, total; /* bytes to be written */
    uint32_t ms_left;
    uint64_t us_done, us_total;
};

#ifdef __cplusplus
}
#endif
#endif
