/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* story_inner.h - what the files of a story share; nobody else includes it. */
#ifndef POWER_STORY_INNER_H
#define POWER_STORY_INNER_H

#include "dfu/attempts.h"
#include "dfu/history.h"
#include "dfu/progress.h"
#include "dfu/revoke.h"
#include "known.h"
#include "story.h"

#define STORY_STARTS 3u /* of an image on trial, where it has several */

enum image { OLD, NEW, IMAGES };

/* What the device has to do from here on, until the next cut. */
enum phase {
    OLD_STAYS, /* nobody asked: the old image runs, the new one waits */
    TRIAL,     /* the new image is to be installed and run once */
    REVERTING, /* the trial is over: the old image comes back and stays */
    NEW_STAYS, /* the new image is to be installed for good */
    EITHER,    /* a flag was torn: either image, but verified and for good */
};

struct story {
    struct story_spec spec;
    struct world world;
    struct world_log log;
    uint8_t *image[IMAGES];  /* as the primary holds it */
    uint8_t *closed[IMAGES]; /* as it is everywhere else; the same where it is not encrypted */
    uint32_t size[IMAGES];
    uint32_t closed_size[IMAGES];
    uint8_t *key_der[IMAGES]; /* whose key signs which image */
    struct dfu_key keys[IMAGES];
    uint8_t old_key_hash[32];
    uint8_t *start[STAGES]; /* the flash before each stage */
    bool has[STAGES];
    struct known known; /* flash states with a phase that are known to end well */
    struct story_tally tally;
    const struct story_path *path; /* being followed, for the failure report */
    FILE *verbose;
    bool is_failed;

    struct dfu_boot_attempts attempts;
    struct dfu_boot_history history;
    struct dfu_boot_revocation revocation;
    struct dfu_boot_progress progress;
    struct dfu_boot_counter counter;
    uint32_t starts_before; /* recorded when the last boot began */
    uint32_t counter_before;
    uint32_t last_done, last_total;
    bool is_progress_wrong, is_raise_wrong;
};

/* ---- judge.c: what must come out, and whether it does ---- */

/* Count a failure of the path being followed and report it; always false. */
bool story_fail(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool story_is_swap(const struct story *s);

/* What must come out of the flash as it is: after a cut in a stage, or in a later boot that began
 * in phase. */
enum phase story_phase_in(const struct story *s, enum story_stage stage);
enum phase story_phase_at(const struct story *s, enum phase phase);
enum phase story_phase_after_boot(const struct story *s, enum phase phase);

bool story_check_flash(struct story *s);
bool story_check_boot(struct story *s, enum phase phase, const struct world_boot *boot);

/* Leave the device alone: it comes to rest in a few boots, and every one of them runs the image
 * that the phase asks for. */
bool story_settle(struct story *s, enum phase phase);

/* When a path is told step by step: what happened, and the flash after it. */
void story_tell(struct story *s, const char *what, enum phase phase, int err);

/* ---- story_beyond.c: switches ---- */

static inline bool story_uses(const struct story *s, enum story_switch what)
{
    return (s->spec.switches & (unsigned)what) != 0;
}

/* Areas before the world is made, configuration after it. */
void story_lay_records(const struct story_spec *spec, struct world_spec *world);
void story_arm(struct story *s);

/* Before the first boot. */
void story_set_counter(struct story *s);

/* Before each boot. */
void story_note_start(struct story *s);

/* The boot that is just over ran the trial once more, and has recorded so. */
bool story_took_start(const struct story *s);

/* After each boot that was not cut; may_go_back: the old image may be needed again. */
bool story_check_records(struct story *s, enum image runs, bool may_go_back);

/* At rest. */
bool story_check_ending(struct story *s, enum phase phase, enum image runs);

/* ---- story.c ---- */

struct world_boot story_start(struct story *s);

/* The application's call or the boot of a stage. */
int story_act(struct story *s, enum story_stage stage, struct world_boot *boot);

/* A copy of the flash as it is. */
uint8_t *story_kept(const struct story *s);

/* Power on without a cut, second programs forgotten. */
void story_reset(struct story *s);

#endif
