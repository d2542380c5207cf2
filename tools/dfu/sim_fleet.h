/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_fleet.h - many virtual devices in one process, alike but for their numbers. */
#ifndef DFU_DFU_SIM_FLEET_H
#define DFU_DFU_SIM_FLEET_H

#include "sim_host.h"

#define SIM_FLEET_MAX 10000u

/* Devices 1 to count: number I has its flash in FILE-I (before the file's extension), serves UDP
 * port base + I - 1 (0: a free one) and the serial line LINK-I. Until SIGINT or SIGTERM, or until
 * power is cut from all of them with stay_off. Returns an exit code. */
int sim_fleet_run(struct cli *cli, const struct sim_host_config *config, uint32_t count);

#endif
