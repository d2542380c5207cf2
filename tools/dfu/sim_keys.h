/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_keys.h - the public keys that a virtual device is built with. */
#ifndef DFU_DFU_SIM_KEYS_H
#define DFU_DFU_SIM_KEYS_H

#include "cli.h"
#include "dfu/crypto.h"
#include "keyfile.h"

struct sim_keys {
    struct keyfile *files;
    struct dfu_key *keys; /* they point into files */
    size_t count;
};

/* From PEM files, public or private. 0, or an exit code after saying why; free in both cases. */
int sim_keys_load(struct cli *cli, struct sim_keys *keys, const char *const *paths, size_t count);

void sim_keys_free(struct sim_keys *keys);

#endif
