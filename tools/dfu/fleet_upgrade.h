/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fleet_upgrade.h - dfu upgrade, of many devices. */
#ifndef DFU_TOOL_FLEET_UPGRADE_H
#define DFU_TOOL_FLEET_UPGRADE_H

#include "fleet.h"

/* The same upgrade of each, of one image or of several; link and times are set for each. path is
 * what the file is called. An exit code. */
int fleet_upgrade(struct cli *cli, const char *path, const struct dfu_upgrade_set_config *config);

#endif
