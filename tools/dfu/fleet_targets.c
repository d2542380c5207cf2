/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Which devices: every -d, and the lines of a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "profile.h"

#define FILE_MAX (16u << 20)

struct source {
    const char *path; /* NULL: the command line */
    unsigned line;
};

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

static int grow(struct cli *cli, struct fleet_targets *t)
{
    size_t cap = t->cap ? 2 * t->cap : 64;
    struct fleet_member *members = realloc(t->members, cap * sizeof(*members));

    if (!members) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    t->members = members;
    t->cap = cap;
    return CLI_DONE;
}

/* The profile of that name, where it is one. */
static int resolve(struct cli *cli, const struct source *from, const char *text, char **target)
{
    struct cli one = *cli;
    char sentence[1024], *held;
    int code;

    one.target = text;
    one.told = sentence;
    one.told_cap = sizeof(sentence);
    code = profile_resolve(&one, &held);
    if (code && from->path) {
        return cli_fail(cli, code, "line %u of %s: %s", from->line, from->path, sentence);
    }
    if (code) {
        return cli_fail(cli, code, "%s", sentence);
    }
    *target = strdup(one.target);
    free(held);
    return *target ? CLI_DONE : cli_fail(cli, CLI_INTERNAL, "out of memory");
}

/* The links of a fleet carry SMP packets; what is spoken over the others only one device's commands
 * know. */
static int check_kind(struct cli *cli, const char *target)
{
    if (strncmp(target, "usbip:", 6) == 0 || strncmp(target, "config:", 7) == 0) {
        return cli_fail(cli, CLI_USAGE,
                        "%s cannot be one of many: these are reached over SMP (serial:, udp:, "
                        "dtls:, tcp:); use dfu usb or dfu config for it",
                        target);
    }
    return CLI_DONE;
}

static int add(struct cli *cli, struct fleet_targets *t, const struct source *from,
               const char *name, const char *text)
{
    struct fleet_member *m;
    int code = t->count == t->cap ? grow(cli, t) : CLI_DONE;

    if (code) {
        return code;
    }
    m = &t->members[t->count];
    *m = (struct fleet_member){ .due_ms = UINT64_MAX };
    code = resolve(cli, from, text, &m->target);
    if (code || !m->target) {
        return code;
    }
    t->count++;
    m->name = strdup(name ? name : text);
    if (!m->name) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    cli_make_utf8(m->name);
    return check_kind(cli, m->target);
}

/* "TARGET" or "NAME = TARGET"; a name has no colon, a target that has an equals sign has. */
static int add_line(struct cli *cli, struct fleet_targets *t, const struct source *from, char *line)
{
    char *equals = strchr(line, '=');
    char *colon = strchr(line, ':');
    const char *name = NULL;

    if (equals && (!colon || equals < colon)) {
        *equals = 0;
        name = trim(line);
        line = trim(equals + 1);
    }
    if (line[0] == 0 || (name && name[0] == 0) || strpbrk(line, " \t")) {
        return cli_fail(cli, CLI_USAGE,
                        "line %u of %s is neither TARGET nor NAME = TARGET, as in hall = "
                        "udp:192.0.2.1; correct it",
                        from->line, from->path);
    }
    return add(cli, t, from, name, line);
}

static int add_file(struct cli *cli, struct fleet_targets *t, const char *path)
{
    struct source from = { path, 0 };
    size_t len, before = t->count;
    char *text;
    int code = cli_read_file(cli, path, FILE_MAX, (uint8_t **)&text, &len);

    if (code) {
        return code;
    }
    for (char *next = text; next && !code;) {
        char *line = trim(strsep(&next, "\n"));

        from.line++;
        if (line[0] && line[0] != '#') {
            code = add_line(cli, t, &from, line);
        }
    }
    free(text);
    if (!code && t->count == before) {
        code = cli_fail(cli, CLI_USAGE, "%s names no device; write a line TARGET for each", path);
    }
    return code;
}

struct place {
    const struct fleet_member *member;
};

static int by_target(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    return strcmp(one->member->target, other->member->target);
}

static int by_name(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    return strcmp(one->member->name, other->member->name);
}

/* Two updates at once of one device would fight; two devices of one name could not be told apart. */
static int check_twice(struct cli *cli, const struct fleet_targets *t)
{
    struct place *sorted = malloc((t->count + 1) * sizeof(*sorted));
    int code = CLI_DONE;

    if (!sorted) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < t->count; i++) {
        sorted[i].member = &t->members[i];
    }
    qsort(sorted, t->count, sizeof(*sorted), by_target);
    for (size_t i = 1; i < t->count && !code; i++) {
        if (by_target(&sorted[i - 1], &sorted[i]) == 0) {
            code = cli_fail(cli, CLI_USAGE, "%s is named twice; remove one of the two",
                            sorted[i].member->target);
        }
    }
    qsort(sorted, t->count, sizeof(*sorted), by_name);
    for (size_t i = 1; i < t->count && !code; i++) {
        if (by_name(&sorted[i - 1], &sorted[i]) == 0) {
            code = cli_fail(cli, CLI_USAGE, "two devices go by the name %s; rename one of them",
                            sorted[i].member->name);
        }
    }
    free(sorted);
    return code;
}

int fleet_targets_read(struct cli *cli, struct fleet_targets *out)
{
    const struct source command_line = { NULL, 0 };
    int code = CLI_DONE;

    *out = (struct fleet_targets){ 0 };
    for (size_t i = 0; i < cli->target_count && !code; i++) {
        code = add(cli, out, &command_line, NULL, cli->targets[i]);
    }
    for (size_t i = 0; i < cli_count(cli, FLEET_TARGETS) && !code; i++) {
        code = add_file(cli, out, cli_value_n(cli, FLEET_TARGETS, i));
    }
    return code ? code : check_twice(cli, out);
}

void fleet_targets_release(struct fleet_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        free(targets->members[i].name);
        free(targets->members[i].target);
    }
    free(targets->members);
}
