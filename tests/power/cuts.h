/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cuts.h - every power cut in a session of any kind, for campaigns that are no story (story.h): a
 * session is a function that uses the flash, and may find its power gone. */
#ifndef POWER_CUTS_H
#define POWER_CUTS_H

#include <stdio.h>

#include "boot_world.h"

struct cut_row {
    char name[64];
    unsigned devices;
    unsigned long long cuts, runs, boots, failures;
    double seconds;
};

struct cut {
    enum dfu_sim_cut_when when;
    uint32_t op;
    uint64_t seed;
};

struct cut_rig {
    struct world *world;
    bool is_sticky; /* a unit whose program was torn refuses until its sector is erased */
    struct cut_row *row;
    const char *device; /* what a failure is reported for */
    struct cut path[2];
    unsigned depth; /* cuts on the path */
};

/* Use the flash; DFU_ERR_POWER when it went. */
typedef int cut_session(struct cut_rig *rig, void *ctx);

/* The flash is as the cuts on the path left it, the power is back. Must leave power on. */
typedef void cut_visit(struct cut_rig *rig, void *ctx);

/* Visit each cut of a session that begins with the flash as it is: before every operation, inside
 * it with so many tears, and after the last. The flash is then as it was at first. */
void cut_everywhere(struct cut_rig *rig, cut_session *session, unsigned tears, cut_visit *visit,
                    void *ctx);

/* Count and report a failure on the path. */
void cut_failed(struct cut_rig *rig, const char *why);

/* Power on, start; counted. */
struct world_boot cut_start(struct cut_rig *rig);

/* The table; the exit code. */
int cut_report(const struct cut_row *rows, size_t count);

double cut_cpu_seconds(void);

#endif
