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

int sim_keys_load_own(struct cli *cli, struct sim_keys *keys, int option)
{
    size_t count = cli_count(cli, option);

    keys->devices = calloc(count + 1, sizeof *keys->devices);
    keys->unwrap = calloc(2 * count + 1, sizeof *keys->unwrap);
    if (!keys->devices || !keys->unwrap) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    keys->decryption =
        (struct dfu_image_decryption){ &dfu_image_opener, &dfu_aes_ctr_openssl, keys->unwrap, 0 };
    while (keys->device_count < count) {
        struct cryptkey *device = &keys->devices[keys->device_count];
        int err =
            cryptkey_read_private(cli, cli_value_n(cli, option, keys->device_count++), device);

        if (err) {
            return err;
        }
        for (size_t i = 0; i < device->count; i++) {
            keys->unwrap[keys->decryption.key_count++] = device->keys[i];
        }
    }
    return 0;
}

const struct dfu_image_decryption *sim_keys_decryption(const struct sim_keys *keys)
{
    return keys->decryption.key_count > 0 ? &keys->decryption : NULL;
}

void sim_keys_make_room(bool has_keys, struct dfu_slot_map *map)
{
    if (has_keys && map->key_size == 0) {
        map->key_size = DFU_CONTENT_KEY_MAX; /* a multiple of every alignment */
    }
}

void sim_keys_free(struct sim_keys *keys)
{
    for (size_t i = 0; i < keys->device_count; i++) {
        cryptkey_free(&keys->devices[i]);
    }
    free(keys->devices);
    free(keys->unwrap);
    for (size_t i = 0; i < keys->count; i++) {
        keyfile_free(&keys->files[i]);
    }
    free(keys->files);
    free(keys->keys);
}
