/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_keys.h"

#include <stdlib.h>

int sim_keys_load(struct cli *cli, struct sim_keys *keys, const char *const *paths, size_t count)
{
    keys->files = calloc(count + 1, sizeof *keys->files);
    keys->keys = calloc(count + 1, sizeof *keys->keys);
    if (!keys->files || !keys->keys) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    while (keys->count < count) {
        struct keyfile *file = &keys->files[keys->count];
        int err = keyfile_read(cli, paths[keys->count], file);

        if (err) {
            return err;
        }
        keys->keys[keys->count++] = (struct dfu_key){ file->alg, file->der, file->der_len };
        if (!file->alg) {
            return cli_fail(cli, CLI_USAGE,
                            "%s holds a key that signs no images; give one of dfu keygen or dfu "
                            "getpub, other than x25519",
                            file->path);
        }
    }
    return 0;
}

void sim_keys_free(struct sim_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        keyfile_free(&keys->files[i]);
    }
    free(keys->files);
    free(keys->keys);
}
