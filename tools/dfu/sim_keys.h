/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_keys.h - the keys that a virtual device is built with: public ones it trusts, and its own
 * that open encrypted images. */
#ifndef DFU_DFU_SIM_KEYS_H
#define DFU_DFU_SIM_KEYS_H

#include "cli.h"
#include "cryptkey.h"
#include "dfu/crypto.h"
#include "dfu/slots.h"
#include "keyfile.h"

struct sim_keys {
    struct keyfile *files;
    struct dfu_key *keys; /* they point into files */
    size_t count;

    struct cryptkey *devices;
    size_t device_count;
    struct dfu_unwrap_key *unwrap; /* they point into devices */
    struct dfu_image_decryption decryption;
};

/* From PEM files, public or private. 0, or an exit code after saying why; free in both cases. */
int sim_keys_load(struct cli *cli, struct sim_keys *keys, const char *const *paths, size_t count);

/* The device's own keys. The same. */
int sim_keys_load_own(struct cli *cli, struct sim_keys *keys, int option);

/* NULL if there are none. */
const struct dfu_image_decryption *sim_keys_decryption(const struct sim_keys *keys);

/* A board whose trailers have no room for keys gets it, for the longest, if there are any. */
void sim_keys_make_room(bool has_keys, struct dfu_slot_map *map);

void sim_keys_free(struct sim_keys *keys);

#endif
