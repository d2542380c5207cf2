/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cuts.h - every power cut in a session of any kind, for campaigns that are no story (story.h): a
 * session is a function that uses the flash, and may find its power gone. */
#ifndef POWER_CUTS_H
#define POWER_CUTS_H

#include "boot_world.h"
#include "pool.h"

#define CUTS_MAX 10

struct cut {
    enum dfu_sim_cut_when when;
    uint32_t op;
    uint64_t seed;
    bool is_unseen; /* the cells of the write refuse, but read as before */
};

struct cut_rig {
    struct world *world;
    bool is_sticky; /* a unit whose program was torn refuses until its sector is erased */
    struct pool_found *found;
    const char *device; /* what a failure is reported for */
    struct cut path[CUTS_MAX];
    unsigned depth; /* cuts on the path */
};

/* Use the flash; DFU_ERR_POWER when it went. */
typedef int cut_session(struct cut_rig *rig, void *ctx);

/* The flash is as the cuts on the path left it, the power is back. Must leave power on. */
typedef void cut_visit(struct cut_rig *rig, void *ctx);

/* Visit each cut of a session that begins with the flash as it is: before every operation, inside
 * it with so many tears, and after the last; in sticky cells also with nothing to be seen of the
 * write of a field. The flash is then as it was at first. */
void cut_everywhere(struct cut_rig *rig, cut_session *session, unsigned tears, cut_visit *visit,
                    void *ctx);

/* Random chains of up to CUTS_MAX sessions, the first as the rig is, each cut somewhere in its
 * first ops operations or over before; from the seed alone. note (or NULL) is called after each
 * session, visit after the last, begin (or NULL) before the first. */
struct cut_chains {
    unsigned count;
    uint64_t seed;
    uint32_t ops;
    cut_session *session;
    cut_visit *begin, *note, *visit;
};
void cut_chains(struct cut_rig *rig, const struct cut_chains *chains, void *ctx);

/* What a campaign does with one stage: every cut of the session with so many tears (twice as many
 * where the campaign is full), visited, and then every cut of the session that follows it; at last
 * the chains. Options may ask for chains only, and for another number of them. */
void cut_stage(struct cut_rig *rig, const struct pool_options *options, unsigned tears,
               const struct cut_chains *chains, void *ctx);

/* Count and report a failure on the path. */
void cut_failed(struct cut_rig *rig, const char *why);

/* Whether the secondary's spare list notes that a trial has ended (src/boot/spare.h). */
bool cut_is_trial_noted(const struct world *world, uint8_t image);

/* Power on, start; counted. */
struct world_boot cut_start(struct cut_rig *rig);

#endif
