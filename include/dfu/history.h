/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* history.h - what became of the last updates: from which version to which, how it ended, and why.
 *
 * The bootloader appends an entry when an update has come to its end, before the last mark that
 * ends it: so no update is missing, and one that was cut there is not told twice. Entries are small
 * records (record.h) in an area of their own; a power cut leaves an entry whole or not there. Two
 * sectors of 4 KiB hold the last 128 or more. The application reads them here, a client over SMP
 * (docs/HISTORY.md). */
#ifndef DFU_HISTORY_H
#define DFU_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/image.h"
#include "dfu/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers that lie on flash: they stay. */
enum dfu_history_result {
    DFU_HISTORY_TRIAL = 1,     /* brought in for a test: it was going to run once */
    DFU_HISTORY_CONFIRMED = 2, /* the start after a trial found it confirmed */
    DFU_HISTORY_INSTALLED = 3, /* brought in for good: asked so, or the mode has no way back */
    DFU_HISTORY_REVERTED = 4,  /* nobody confirmed the trial: the old image is back */
    DFU_HISTORY_REFUSED = 5,   /* not brought in: see fault and reason */
    DFU_HISTORY_FAILED = 6,    /* begun and given up: see reason */
    DFU_HISTORY_BEGUN = 7,     /* overwriting has begun: from here on the old image is gone */
};

struct dfu_history_entry {
    uint32_t number; /* from 1; grows */
    uint8_t image;
    enum dfu_history_result result;
    int reason;                 /* of REFUSED and FAILED: a negative enum dfu_err */
    enum dfu_image_fault fault; /* of REFUSED: what is wrong with the image, if that was it */
    bool has_from, has_to;      /* false: that slot held no header */
    struct dfu_image_version from, to;
    uint8_t to_hash[4]; /* how the hash that names the new image begins; zeros: it has none */
};

/* The n-th newest entry, 0 the newest. DFU_ERR_NOENT: there are not so many. */
int dfu_history_read(const struct dfu_area *area, uint32_t n, struct dfu_history_entry *out);

/* "trial", "confirmed", "installed", "reverted", "refused", "failed", "begun"; "unknown". */
const char *dfu_history_result_text(enum dfu_history_result result);

/* The bootloader's part. */
struct dfu_boot_history_rules;
extern const struct dfu_boot_history_rules dfu_boot_history_rules;

struct dfu_boot_history {
    const struct dfu_boot_history_rules *rules; /* &dfu_boot_history_rules */
    const struct dfu_area *area;                /* of its own; two sectors or more */
};

#ifdef __cplusplus
}
#endif
#endif
