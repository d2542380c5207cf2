/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_auth.h - roles of the virtual device: keys from --auth, a device id, a count of starts. */
#ifndef DFU_DFU_SIM_AUTH_H
#define DFU_DFU_SIM_AUTH_H

#include "cli.h"
#include "dfu/sim_device.h"
#include "keyfile.h"

struct sim_auth_options {
    int key_option, open_option; /* of the command line */
};

struct sim_auth {
    struct keyfile *files;
    struct dfu_smp_auth_key *keys; /* they point into files */
    size_t count;
    uint8_t device_id[16]; /* as long as the flash file's is the same: of its name */
    struct dfu_sim_auth_config config;
};

/* Read the keys; without --auth nothing is asked for. 0 or an exit code; free in both cases. */
int sim_auth_load(struct cli *cli, struct sim_auth *auth, const struct sim_auth_options *options,
                  const char *flash);
void sim_auth_free(struct sim_auth *auth);

#endif
