/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "profile.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (256u << 10)

/* The base directories of the XDG specification: a path that is not absolute counts as not set. */
static bool find_file(char path[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int len = -1;

    if (config && config[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/dfu/profiles", config);
    } else if (home && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/.config/dfu/profiles", home);
    }
    return len > 0 && len < PATH_MAX;
}

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1])) {
        len--;
    }
    text[len] = 0;
    return text;
}

static bool is_name(const char *text)
{
    return text[0] != 0 && text[0] != '/' && strcspn(text, ":= \t") == strlen(text);
}

/* The target that the lines of text give to name, NULL if none does. The whole file is looked at:
 * a line that is wrong would be missed one day. */
static int search(struct cli *cli, const char *path, char *text, const char *name, char **target)
{
    unsigned line = 1;

    *target = NULL;
    for (char *next = text; next; line++) {
        char *own = trim(strsep(&next, "\n"));
        char *value = strchr(own, '=');

        if (own[0] == 0 || own[0] == '#') {
            continue;
        }
        if (value) {
            *value = 0;
            value = trim(value + 1);
            own = trim(own);
        }
        if (!value || !is_name(own) || !strchr(value, ':')) {
            return cli_fail(cli, CLI_USAGE,
                            "line %u of %s is not NAME = TARGET, as in desk = udp:192.0.2.1; "
                            "correct it",
                            line, path);
        }
        if (strcmp(own, name) == 0) {
            if (*target) {
                return cli_fail(cli, CLI_USAGE,
                                "line %u of %s names %s a second time; remove one of the lines",
                                line, path, name);
            }
            *target = value;
        }
    }
    return CLI_DONE;
}

static int fail_unknown(struct cli *cli, const char *path)
{
    return cli_fail(cli, CLI_USAGE,
                    "%s is no target (serial:PORT, udp:HOST, tcp:HOST:PORT) and no profile in %s; "
                    "correct it, or add the line %s = TARGET",
                    cli->target, path, cli->target);
}

int profile_resolve(struct cli *cli, char **held)
{
    char path[PATH_MAX], *text, *target;
    size_t len;
    int code;

    *held = NULL;
    if (!cli->target || !is_name(cli->target)) {
        return CLI_DONE;
    }
    if (!find_file(path)) {
        return fail_unknown(cli, "~/.config/dfu/profiles");
    }
    if (access(path, F_OK) != 0) {
        return fail_unknown(cli, path);
    }
    code = cli_read_file(cli, path, FILE_MAX, (uint8_t **)&text, &len);
    if (code) {
        return code;
    }
    code = search(cli, path, text, cli->target, &target);
    if (!code && !target) {
        code = fail_unknown(cli, path);
    }
    if (code) {
        free(text);
        return code;
    }
    *held = text;
    cli->target = target;
    return CLI_DONE;
}
