/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>

#include "commands.h"

#define IMGTOOL_VERSION "2.4.0" /* whose options and outputs these are */

static int version_run(struct cli *cli)
{
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "version", DFUKIT_VERSION);
        return cli_json_print(cli, json);
    }
    printf("%s\n", cli->is_imgtool ? IMGTOOL_VERSION : DFUKIT_VERSION);
    return CLI_DONE;
}

static const char *const examples[] = {
    "# Which release of dfu this is",
    "dfu version",
    NULL,
};

const struct cli_command cmd_version = {
    .name = "version",
    .summary = "Print the version of this tool",
    .examples = examples,
    .is_imgtools = true,
    .run = version_run,
};
