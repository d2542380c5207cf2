/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "commands.h"

const struct cli_command *const cli_commands[] = {
    /* images and keys */

    /* devices */

    /* about */
    &cmd_version,
    NULL,
};

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
