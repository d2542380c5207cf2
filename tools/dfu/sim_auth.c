/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_auth.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "dfu/err.h"

static const char *const roles[] = { "none", "observe", "operate", "update", NULL };

static int random_bytes(void *ctx, uint8_t *buf, size_t len)
{
    (void)ctx;
    return RAND_bytes(buf, (int)len) == 1 ? 0 : DFU_ERR_IO;
}

/* "update:key.pem" */
static int take_key(struct cli *cli, const char *text, struct keyfile *file,
                    struct dfu_smp_auth_key *key)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    uint8_t role = DFU_ROLE_OBSERVE;
    int code;

    while (roles[role] && (strlen(roles[role]) != len || strncmp(text, roles[role], len) != 0)) {
        role++;
    }
    if (!roles[role]) {
        return cli_fail(cli, CLI_USAGE,
                        "'%s' is no role and key; write observe:KEY.pem, operate:KEY.pem or "
                        "update:KEY.pem",
                        text);
    }
    code = keyfile_read(cli, colon + 1, file);
    if (!code && file->alg != &dfu_ed25519_openssl) {
        code = cli_fail(cli, CLI_USAGE,
                        "%s is no Ed25519 key, which logins take; make one with "
                        "dfu keygen -t ed25519",
                        file->path);
        keyfile_free(file);
    }
    if (!code) {
        *key = (struct dfu_smp_auth_key){ { file->alg, file->der, file->der_len }, role };
    }
    return code;
}

/* A real device has one from its maker; this one has the hash of its flash's path. */
static int make_id(struct sim_auth *auth, const char *flash)
{
    char path[PATH_MAX];
    uint8_t hash[EVP_MAX_MD_SIZE];
    const char *name = realpath(flash, path) ? path : flash;

    if (EVP_Digest(name, strlen(name), hash, NULL, EVP_sha256(), NULL) != 1) {
        return DFU_ERR_IO;
    }
    memcpy(auth->device_id, hash, sizeof auth->device_id);
    return 0;
}

int sim_auth_load(struct cli *cli, struct sim_auth *auth, const struct sim_auth_options *options,
                  const char *flash)
{
    size_t count = cli_count(cli, options->key_option);
    size_t open_role = DFU_ROLE_OBSERVE;
    int code = cli_choice(cli, options->open_option, roles, &open_role);

    if (!code && count == 0 && cli_has(cli, options->open_option)) {
        code = cli_fail(cli, CLI_USAGE,
                        "--auth-open says what is left to those who do not log in; say who can "
                        "with --auth ROLE:PEM");
    }
    if (code || count == 0) {
        return code;
    }
    auth->files = calloc(count, sizeof *auth->files);
    auth->keys = calloc(count, sizeof *auth->keys);
    if (!auth->files || !auth->keys || make_id(auth, flash)) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    while (auth->count < count) {
        code = take_key(cli, cli_value_n(cli, options->key_option, auth->count),
                        &auth->files[auth->count], &auth->keys[auth->count]);
        if (code) {
            return code;
        }
        auth->count++;
    }
    auth->config.rules = (struct dfu_smp_auth_config){ .keys = auth->keys,
                                                       .key_count = count,
                                                       .open_role = (uint8_t)open_role,
                                                       .device = auth->device_id,
                                                       .device_len = sizeof auth->device_id };
    auth->config.random = random_bytes;
    return CLI_DONE;
}

void sim_auth_free(struct sim_auth *auth)
{
    for (size_t i = 0; i < auth->count; i++) {
        keyfile_free(&auth->files[i]);
    }
    free(auth->files);
    free(auth->keys);
}
