/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Many virtual devices in one process. Each is looked at only when a packet came in for it or its
 * own clock asks for it, so a thousand that are idle cost nothing. */
#include "sim_fleet.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_MAX  4u /* of one device: UDP over IPv4 and IPv6, a serial line */
#define EVENTS_MAX 64
#define FDS_EACH   5u

struct member {
    struct sim_host_config config;
    struct sim_host *host; /* NULL: its power was cut for good */
    char *flash, *serial;
    uint64_t due_ms;
    uint32_t events[FILES_MAX]; /* that epoll knows of */
};

struct fleet {
    struct cli *cli;
    struct member *members;
    uint32_t count, alive;
    int epoll;
};

/* ---- Names ---- */

/* "flash.bin" and 7: "flash-7.bin". NULL: out of memory. */
static char *numbered(const char *path, uint32_t number)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash + 1 : path, '.');
    size_t stem = dot && dot != (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path);
    char *out = NULL;

    return asprintf(&out, "%.*s-%u%s", (int)stem, path, number, path + stem) < 0 ? NULL : out;
}

/* ---- Files ---- */

static uint32_t wanted(const struct dfu_loop_file *file)
{
    return (file->ignores_input ? 0 : (uint32_t)EPOLLIN) |
           (file->wants_write ? (uint32_t)EPOLLOUT : 0);
}

static int watch(struct fleet *fleet, uint32_t index)
{
    struct member *m = &fleet->members[index];
    struct dfu_loop *loop = sim_host_loop(m->host);

    for (uint32_t i = 0; i < loop->count && i < FILES_MAX; i++) {
        struct epoll_event event = { .events = wanted(loop->files[i]),
                                     .data.u64 = (uint64_t)index * FILES_MAX + i };

        m->events[i] = event.events;
        if (epoll_ctl(fleet->epoll, EPOLL_CTL_ADD, loop->files[i]->fd, &event)) {
            return cli_fail(fleet->cli, CLI_INTERNAL, "cannot wait for device %u: %s",
                            m->config.number, strerror(errno));
        }
    }
    return 0;
}

/* A serial line changes its mind about what it waits for. */
static void watch_again(struct fleet *fleet, uint32_t index)
{
    struct member *m = &fleet->members[index];
    struct dfu_loop *loop = sim_host_loop(m->host);

    for (uint32_t i = 0; i < loop->count && i < FILES_MAX; i++) {
        struct epoll_event event = { .events = wanted(loop->files[i]),
                                     .data.u64 = (uint64_t)index * FILES_MAX + i };

        if (event.events != m->events[i]) {
            m->events[i] = event.events;
            (void)epoll_ctl(fleet->epoll, EPOLL_CTL_MOD, loop->files[i]->fd, &event);
        }
    }
}

/* ---- Life ---- */

static void look_after(struct fleet *fleet, uint32_t index)
{
    struct member *m = &fleet->members[index];

    sim_host_poll(m->host);
    if (!sim_host_power(m->host)) {
        sim_host_close(m->host); /* its files leave the epoll set by being closed */
        m->host = NULL;
        m->due_ms = UINT64_MAX;
        fleet->alive--;
        return;
    }
    m->due_ms = sim_host_due_ms(m->host);
    watch_again(fleet, index);
}

static uint64_t next_due_ms(const struct fleet *fleet)
{
    uint64_t due = UINT64_MAX;

    for (uint32_t i = 0; i < fleet->count; i++) {
        due = fleet->members[i].due_ms < due ? fleet->members[i].due_ms : due;
    }
    return due;
}

static void take_events(struct fleet *fleet, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t index = (uint32_t)(events[i].data.u64 / FILES_MAX);
        struct member *m = &fleet->members[index];

        if (m->host) {
            struct dfu_loop_file *file =
                sim_host_loop(m->host)->files[events[i].data.u64 % FILES_MAX];

            file->ready(file->ctx);
            look_after(fleet, index);
        }
    }
}

static void live(struct fleet *fleet)
{
    sigset_t none;

    sigemptyset(&none);
    while (fleet->alive > 0 && !dfu_loop_is_stop_asked()) {
        struct epoll_event events[EVENTS_MAX];
        uint64_t due = next_due_ms(fleet);
        uint64_t now = dfu_loop_now_ms();
        int wait = due == UINT64_MAX ? -1 : due <= now ? 0 : (int)(due - now);
        int count = epoll_pwait(fleet->epoll, events, EVENTS_MAX, wait, &none);

        if (count < 0) { /* a signal: there are no others than those that stop */
            return;
        }
        take_events(fleet, events, count);
        now = dfu_loop_now_ms();
        for (uint32_t i = 0; due <= now && i < fleet->count; i++) {
            if (fleet->members[i].due_ms <= now) {
                look_after(fleet, i);
            }
        }
    }
}

/* ---- Beginning and end ---- */

static int start_member(struct fleet *fleet, const struct sim_host_config *config, uint32_t index)
{
    struct member *m = &fleet->members[index];
    int err;

    m->config = *config;
    m->config.number = index + 1;
    m->config.ready_file = NULL;
    m->config.flash = m->flash = numbered(config->flash, index + 1);
    m->serial = config->serial ? numbered(config->serial, index + 1) : NULL;
    m->config.serial = m->serial;
    m->due_ms = UINT64_MAX;
    if (!m->flash || (config->serial && !m->serial)) {
        return cli_fail(fleet->cli, CLI_INTERNAL, "out of memory");
    }
    if (config->udp_port > 0) {
        m->config.udp_port = (uint16_t)(config->udp_port + index);
    }
    err = sim_host_open(fleet->cli, &m->config, &m->host);
    if (!err) {
        m->due_ms = sim_host_due_ms(m->host);
        fleet->alive++;
        err = watch(fleet, index);
    }
    return err;
}

static int tell_ready(const struct fleet *fleet, const char *path)
{
    cJSON *json, *list;

    if (!path) {
        return 0;
    }
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "pid", (double)getpid());
    list = cJSON_AddArrayToObject(json, "devices");
    for (uint32_t i = 0; i < fleet->count; i++) {
        cJSON *item = cJSON_CreateObject();

        cJSON_AddNumberToObject(item, "number", fleet->members[i].config.number);
        cJSON_AddStringToObject(item, "flash", fleet->members[i].flash);
        if (fleet->members[i].host) {
            sim_host_tell(fleet->members[i].host, item);
        }
        cJSON_AddItemToArray(list, item);
    }
    return sim_host_write_ready(fleet->cli, path, json);
}

/* As many open files as the devices need, if the system lets us. */
static void make_room(uint32_t count)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)count * FDS_EACH + 64;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want) {
        limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct fleet *fleet, const struct sim_host_config *config)
{
    int err = 0;

    for (uint32_t i = 0; !err && i < fleet->count; i++) {
        err = start_member(fleet, config, i);
    }
    if (!err) {
        fflush(stdout);
        err = tell_ready(fleet, config->ready_file);
    }
    if (!err) {
        live(fleet);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        sim_host_close(fleet->members[i].host);
        free(fleet->members[i].flash);
        free(fleet->members[i].serial);
    }
    return err;
}

int sim_fleet_run(struct cli *cli, const struct sim_host_config *config, uint32_t count)
{
    struct fleet fleet = { .cli = cli, .count = count, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    int err;

    make_room(count);
    fleet.members = calloc(count, sizeof *fleet.members);
    if (!fleet.members || fleet.epoll < 0) {
        err =
            cli_fail(cli, CLI_INTERNAL, "cannot begin with %u devices: %s", count, strerror(errno));
    } else {
        err = run(&fleet, config);
    }
    free(fleet.members);
    if (fleet.epoll >= 0) {
        close(fleet.epoll);
    }
    return err;
}
