/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "imagefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "hexfile.h"

#define FILE_MAX (256u << 20)      /* far above any slot; keeps a wrong path from filling memory */
#define TEXT_MAX ((size_t)4 << 28) /* of so many bytes as Intel HEX */

bool imagefile_is_hex(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    return dot && dot != name && strcasecmp(dot, ".hex") == 0;
}

static int read_hex(struct cli *cli, const char *path, uint8_t **data, size_t *len, int64_t *base)
{
    uint8_t *text;
    size_t text_len;
    int exit_code = cli_read_file(cli, path, TEXT_MAX, &text, &text_len);

    if (!exit_code) {
        exit_code = hexfile_parse(cli, path, text, text_len, FILE_MAX, data, len, base);
        free(text);
    }
    return exit_code;
}

int imagefile_read(struct cli *cli, const char *path, uint8_t **data, size_t *len, int64_t *base)
{
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return cli_fail(cli, CLI_USAGE, "cannot read %s: %s; check the path", path,
                        strerror(errno));
    }
    if (imagefile_is_hex(path)) {
        return read_hex(cli, path, data, len, base);
    }
    if (base) {
        *base = -1;
    }
    return cli_read_file(cli, path, FILE_MAX, data, len);
}
