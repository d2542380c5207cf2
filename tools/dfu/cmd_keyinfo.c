/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>

#include "commands.h"
#include "keyfile.h"

#define OPT_REQUIRE 256

static const struct cli_option options[] = {
    { "key", 'k', "FILE", 1, "a key in PEM form", NULL, 'k' },
    { "require", 0, "private|public", 1, "fail unless it is of this kind", NULL, OPT_REQUIRE },
    { 0 },
};

static int print(struct cli *cli, const struct keyfile *key)
{
    const char *kind = key->is_private ? "private" : "public";
    cJSON *json;

    if (!cli->json) {
        printf("%s\n", kind);
        return CLI_DONE;
    }
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "kind", kind);
    cJSON_AddStringToObject(json, "type", key->alg ? key->alg->name : key->stem);
    return cli_json_print(cli, json);
}

static int inspect(struct cli *cli, const struct keyfile *key)
{
    static const char *const kinds[] = { "private", "public", NULL };
    size_t wanted = key->is_private ? 0 : 1;
    int exit_code = cli_choice(cli, OPT_REQUIRE, kinds, &wanted);

    if (exit_code) {
        return exit_code;
    }
    if ((wanted == 0) == key->is_private) {
        return print(cli, key);
    }
    if (!cli->json) {
        (void)print(cli, key);
    }
    return cli_fail(cli, CLI_USAGE, "%s is %s, and a %s key is required; name another file",
                    key->path, kinds[!key->is_private], kinds[wanted]);
}

static int keyinfo_run(struct cli *cli)
{
    struct keyfile key;
    int exit_code;

    if (!cli_has(cli, 'k')) {
        return cli_fail(cli, CLI_USAGE, "keyinfo needs a key (-k); see %s keyinfo --help",
                        cli_program(cli));
    }
    exit_code = keyfile_read_unasked(cli, cli_value(cli, 'k'), &key);
    if (!exit_code) {
        exit_code = inspect(cli, &key);
        keyfile_free(&key);
    }
    return exit_code;
}

static const char *const examples[] = {
    "# Stop a script that is about to sign with the wrong half",
    "dfu keyinfo -k signing.pem --require private",
    NULL,
};

const struct cli_command cmd_keyinfo = {
    .name = "keyinfo",
    .summary = "Tell whether a key is a private or a public one",
    .details = "Never asks for a passphrase; DFU_KEY_PASSPHRASE may hold one.",
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = keyinfo_run,
};
