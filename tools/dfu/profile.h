/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* profile.h - devices by names of the user's own: lines "NAME = TARGET" and comments (#) in
 * $XDG_CONFIG_HOME/dfu/profiles, or ~/.config/dfu/profiles. */
#ifndef DFU_PROFILE_H
#define DFU_PROFILE_H

#include "cli.h"

/* Where cli->target is such a name, it becomes the target, and *held what the caller frees after
 * the last use. Targets (they have a colon) and paths are left alone. 0 or an exit code after
 * saying why. */
int profile_resolve(struct cli *cli, char **held);

#endif
