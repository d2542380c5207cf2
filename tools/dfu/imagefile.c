/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "imagefile.h"

#include <string.h>
#include <strings.h>

#define FILE_MAX (256u << 20) /* far above any slot; keeps a wrong path from filling memory */

int imagefile_check_name(struct cli *cli, const char *path)
{
    const char *dot = strrchr(path, '.');

    if (dot && strcasecmp(dot, ".hex") == 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s: Intel HEX is not supported yet; objcopy -I ihex -O binary makes a "
                        "binary of it",
                        path);
    }
    return CLI_DONE;
}

int imagefile_read(struct cli *cli, const char *path, uint8_t **data, size_t *len)
{
    int exit_code = imagefile_check_name(cli, path);

    return exit_code ? exit_code : cli_read_file(cli, path, FILE_MAX, data, len);
}
