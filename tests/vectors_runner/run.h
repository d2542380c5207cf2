/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* run.h - running one case: three flashes side by side.
 *
 *   recorded  what MCUboot left, its bugs included; checked against the recorded hashes
 *   right     what a correct loader leaves: the same but where a bug is marked
 *   ours      what our loader left; must equal right */
#ifndef RUNNER_RUN_H
#define RUNNER_RUN_H

#include "case.h"
#include "report.h"

struct run {
    const struct swap_case *c;
    struct report *report;
    struct world recorded, right, ours;
    struct world_journal right_journal, our_journal;
    struct world_log log;
    struct spot spot;
    int only_step, only_cut; /* -1: all */
    /* From here on the right flash follows our own loader: after a torn copy_done (B3) on a flash
     * where the byte is whole, after a kept request (B11) on one without the second cut. Recorded
     * cases show that an ordinary revert, and an ordinary upgrade, are right. */
    bool is_twin;
    const char *twin_holds; /* the image that its primary must then hold */
    /* What bugs.c remembers from one boot of a case to the next. */
    unsigned cuts;
    bool is_past_bug;
    uint32_t
        odd_off; /* where MCUboot put the first records (B12), and which bytes; NULL: nowhere */
    const char *odd_hex;
    bool is_odd_elsewhere; /* not where they belong */
};

/* What a boot must do, once the case's bugs are taken out. */
struct right_boot {
    struct case_ops ops;
    struct world_log log;
    const char *result; /* "ok", "no-image", "cut" */
    char type[48]; /* as in sweep rows: "none", "resume perm", "none, test"; "": not recorded */
    const cJSON *runs, *holds;                   /* NULL: not recorded */
    const char *pri_holds, *sec_holds;           /* names instead of holds; NULL: not judged */
    bool extra_inconsistent_line;                /* B10 */
    char note[2 * DFU_FLASH_WRITE_SIZE_MAX + 1]; /* in hex: that the way back is meant */
    bool is_unjudged; /* what MCUboot does here is wrong, and that is the case */
};

/* What our loader did, in the recording's words. */
struct our_boot {
    int err;
    uint32_t ops; /* erases and writes */
    char result[16], type[48], runs[48];
    int holds[WORLD_PLACES]; /* index of the image, or -1 */
    uint32_t hold_off[WORLD_PLACES];
    int also_holds[WORLD_PLACES]; /* a second one, behind it */
};

struct our_boot run_start(struct run *run);
void run_note_holds(const struct run *run, const struct world *w, struct our_boot *out);
bool run_holds_match(const struct run *run, const struct our_boot *boot, const cJSON *holds,
                     char *why, size_t why_size);

/* bugs.c: the boot at this step, on the right flash as it is now. Free ops.list. */
void right_boot_of(struct run *run, const cJSON *step, struct right_boot *out);

/* "type" of a sweep row: a word, or a list of them. */
void run_type_of_row(const cJSON *row, char *out, size_t size);

/* steps.c and sweep.c */
void run_case(const struct swap_case *c, struct report *report, int only_step, int only_cut);
void run_sweeps(struct run *run, const uint8_t *before, const cJSON *step,
                const uint8_t *recorded_after, const uint8_t *right_after);

/* geometry.c: one row of geometry.jsonl.gz. */
void run_geometry_row(const cJSON *row, unsigned number, struct report *report);

#endif
