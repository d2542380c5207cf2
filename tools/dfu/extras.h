/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* extras.h - what a bootloader does beyond MCUboot, as options of the commands that run one; and
 * the storage partition, divided: the application's settings, how far an upload got among them, and
 * at its end two sectors for each kind of record that the bootloader keeps. Always the same places,
 * whatever is used. */
#ifndef DFU_DFU_EXTRAS_H
#define DFU_DFU_EXTRAS_H

#include "board.h"
#include "cli.h"
#include "dfu/attempts.h"
#include "dfu/boot.h"
#include "dfu/history.h"
#include "dfu/progress.h"
#include "dfu/revoke.h"

enum { EXTRAS_SKIP = 100, EXTRAS_ATTEMPTS, EXTRAS_HISTORY, EXTRAS_REVOCATION, EXTRAS_PROGRESS };

/* Rows of a command's options. */
#define EXTRAS_OPTIONS                                                                                \
    {                                                                                                 \
        "skip-equal", 0, NULL, 0, "sectors that are right already are left alone", NULL, EXTRAS_SKIP  \
    },                                                                                                \
        { "history", 0, NULL, 0, "the bootloader keeps a history of updates", NULL, EXTRAS_HISTORY }, \
        { "revocation", 0, NULL, 0, "keys can be revoked, and stay so", NULL, EXTRAS_REVOCATION },    \
    {                                                                                                 \
        "attempts", 0, "N", 1, "starts that an image on trial gets before it is reverted", "1",       \
            EXTRAS_ATTEMPTS                                                                           \
    }

struct extras {
    bool is_divided; /* the storage partition, because something is kept in it */
    struct dfu_area settings, revoked_area, attempts_area, history_area, boots_area;
    struct dfu_sector_run runs[5];
    struct dfu_boot_attempts attempts;
    struct dfu_boot_history history;
    struct dfu_boot_revocation revocation;
    struct dfu_boot_progress meter;
    unsigned told; /* tenths of an update */
};

/* Read the options, and put what they ask for into the configuration. The struct must stay where it
 * is, and the board's areas have their drivers. 0 or an exit code. */
int extras_take(struct cli *cli, const struct dfu_board *board, struct extras *extras,
                struct dfu_boot_config *cfg);

/* Cut two sectors out of what is left of the storage partition, for a count of starts; the
 * rest is the settings'. After extras_take. 0 or an exit code. */
int extras_take_boots(struct cli *cli, const struct dfu_board *board, struct extras *extras);

/* Only divide the storage partition. */
int extras_divide(struct cli *cli, const struct dfu_board *board, struct extras *out);

#endif
