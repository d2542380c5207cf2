/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The log of who got what. Each line is a whole JSON object, so a line that was cut off, by a kill
 * or by power, is no object and counts for nothing; what comes after it begins on a line of its
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet.h"
#include "record.h"

static void time_now(char text[RECORD_TIME_LEN])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    record_time((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u, text);
}

static int fail(struct fleet_audit *audit, const char *what)
{
    return cli_fail(audit->cli, CLI_USAGE, "cannot %s %s: %s; name a file that can be written",
                    what, audit->path, strerror(errno));
}

/* A line that lacks its end is what a killed run left. */
static int end_torn_line(struct fleet_audit *audit)
{
    off_t size = lseek(audit->fd, 0, SEEK_END);
    char last = '\n';

    if (size <= 0) { /* a new file, or a pipe */
        return CLI_DONE;
    }
    if (pread(audit->fd, &last, 1, size - 1) != 1 ||
        (last != '\n' && write(audit->fd, "\n", 1) != 1)) {
        return fail(audit, "continue");
    }
    return CLI_DONE;
}

int fleet_audit_open(struct cli *cli, struct fleet_audit *audit)
{
    char text[RECORD_TIME_LEN];

    *audit = (struct fleet_audit){ .cli = cli, .path = cli_value(cli, FLEET_AUDIT), .fd = -1 };
    time_now(text);
    snprintf(audit->run, sizeof(audit->run), "%.24s-%u", text, (unsigned)getpid());
    if (!audit->path) {
        return CLI_DONE;
    }
    audit->fd = open(audit->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return audit->fd < 0 ? fail(audit, "open") : end_torn_line(audit);
}

void fleet_audit_close(struct fleet_audit *audit)
{
    fleet_audit_sync(audit);
    if (audit->fd >= 0) {
        close(audit->fd);
    }
    audit->fd = -1;
}

static void append(struct fleet_audit *audit, char *line, size_t len)
{
    line[len] = '\n'; /* where the NUL was */
    if (write(audit->fd, line, len + 1) != (ssize_t)len + 1 && !audit->is_broken) {
        audit->is_broken = true;
        (void)fail(audit, "append to");
    }
    audit->is_dirty = true;
}

cJSON *fleet_audit_event(const struct fleet_audit *audit, const char *kind)
{
    cJSON *event = cJSON_CreateObject();
    char text[RECORD_TIME_LEN];

    time_now(text);
    cJSON_AddStringToObject(event, "time", text);
    cJSON_AddStringToObject(event, "run", audit->run);
    cJSON_AddStringToObject(event, "event", kind);
    return event;
}

void fleet_audit_add(struct fleet_audit *audit, cJSON *event)
{
    char *line = cJSON_PrintUnformatted(event);

    cJSON_Delete(event);
    if (!line) {
        audit->is_broken = true;
        (void)cli_fail(audit->cli, CLI_INTERNAL, "out of memory");
        return;
    }
    cli_make_utf8(line);
    if (audit->cli->json) {
        printf("%s\n", line);
        fflush(stdout);
    }
    if (audit->fd >= 0) {
        append(audit, line, strlen(line));
    }
    cJSON_free(line);
}

void fleet_audit_sync(struct fleet_audit *audit)
{
    if (audit->fd >= 0 && audit->is_dirty && fsync(audit->fd) && errno != EINVAL &&
        !audit->is_broken) { /* EINVAL: a pipe */
        audit->is_broken = true;
        (void)fail(audit, "write");
    }
    audit->is_dirty = false;
}

/* ---- Resume ---- */

static const char *text_of(const cJSON *event, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, key));

    return text ? text : "";
}

/* The last word about a device counts: what was begun after it was done is not done. */
static void take_event(const struct fleet_order *order, const struct fleet_targets *targets,
                       const cJSON *event)
{
    const char *kind = text_of(event, "event"), *target = text_of(event, "target");
    bool is_result = strcmp(kind, "result") == 0;

    if ((!is_result && strcmp(kind, "start") != 0) ||
        strcmp(text_of(event, "job"), order->work->name) != 0) {
        return;
    }
    for (size_t i = 0; i < targets->count; i++) {
        struct fleet_member *m = &targets->members[i];

        if (strcmp(m->target, target) == 0) {
            m->state =
                is_result && order->is_done(order->what, event) ? FLEET_SKIPPED : FLEET_WAITING;
        }
    }
}

int fleet_audit_resume(struct cli *cli, const struct fleet_order *order,
                       const struct fleet_targets *targets)
{
    const char *path = cli_value(cli, FLEET_AUDIT);
    FILE *file = path ? fopen(path, "re") : NULL;
    unsigned broken = 0;
    size_t cap = 0;
    char *line = NULL;

    if (!path) {
        return cli_fail(
            cli, CLI_USAGE,
            "--resume needs the log of the run that it goes on with; give --audit FILE");
    }
    if (!file) {
        return cli_fail(cli, CLI_USAGE, "cannot read %s: %s; name the log of the run to go on with",
                        path, strerror(errno));
    }
    while (getline(&line, &cap, file) > 0) {
        cJSON *event = cJSON_Parse(line);

        broken += !cJSON_IsObject(event) && line[strspn(line, " \r\n")];
        take_event(order, targets, event);
        cJSON_Delete(event);
    }
    if (broken > 0) {
        cli_note(cli, "%u line%s of %s cannot be read, cut off by a kill perhaps; left out", broken,
                 broken == 1 ? "" : "s", path);
    }
    free(line);
    fclose(file);
    return CLI_DONE;
}
