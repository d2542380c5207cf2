/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fleet.h - one command for many devices at once: who they are, what is done with each, how many
 * at a time, when to stop, and what is told of it.
 *
 * One process, one thread: every device is a session of its own (session.h) that is given a turn
 * when something came in for it or its clock asks for it. */
#ifndef DFU_TOOL_FLEET_H
#define DFU_TOOL_FLEET_H

#include "device.h"
#include "dfu/client_job.h"

enum {
    FLEET_TARGETS = 100,
    FLEET_JOBS,
    FLEET_MAX_FAILURES,
    FLEET_CANARY,
    FLEET_AUDIT,
    FLEET_RESUME
};

/* Rows of a command's options: of any, and of one that can be resumed. */
#define FLEET_OPTIONS                                                                              \
    { "targets",                                                                                   \
      0,                                                                                           \
      "FILE",                                                                                      \
      1,                                                                                           \
      "many devices: a line TARGET or NAME = TARGET for each; -d may be given several times, too", \
      NULL,                                                                                        \
      FLEET_TARGETS },                                                                             \
        { "jobs", 'j', "N", 1, "of many devices, so many at a time", "100", FLEET_JOBS },          \
        { "max-failures",                                                                          \
          0,                                                                                       \
          "N|P%",                                                                                  \
          1,                                                                                       \
          "of many devices, start no more once more than so many failed",                          \
          NULL,                                                                                    \
          FLEET_MAX_FAILURES },                                                                    \
        { "canary",                                                                                \
          0,                                                                                       \
          "N",                                                                                     \
          1,                                                                                       \
          "of many devices, start with the first N; the others only if these are all well",        \
          NULL,                                                                                    \
          FLEET_CANARY },                                                                          \
    {                                                                                              \
        "audit", 0, "FILE", 1, "append to it what became of each device, a JSON line an event",    \
            NULL, FLEET_AUDIT                                                                      \
    }
#define FLEET_RESUME_OPTION                                                            \
    {                                                                                  \
        "resume", 0, NULL, 0, "leave out devices that are done by --audit FILE", NULL, \
            FLEET_RESUME                                                               \
    }

/* ---- What is done with each device ---- */

struct fleet_progress {
    const char *step;     /* one word */
    uint32_t done, total; /* total 0: nothing to count */
};

struct fleet_result {
    const char *outcome; /* one word, for scripts */
    char sentence[256];  /* of a device that is done; of others, cli_fail has it */
    cJSON *facts;        /* gets what is to be told and kept */
};

struct fleet_work {
    const char *name; /* "upgrade" */
    size_t size;      /* of what a device needs while it runs; zeroed before begin */
    struct dfu_job (*begin)(void *state, const void *order, struct device *dev);
    void (*progress)(void *state, struct fleet_progress *out);
    int (*result)(void *state, struct device *dev, struct fleet_result *out); /* exit code */
};

struct fleet_order {
    const struct fleet_work *work;
    const void *what; /* the same for all devices */
    cJSON *subject;   /* facts of it for every event, or NULL */
    /* For --resume, else NULL: whether a result that was kept says that the same is done. */
    bool (*is_done)(const void *what, const cJSON *result);
};

/* Whether the command line names many devices. */
bool fleet_is_asked(const struct cli *cli);

/* All of them. An exit code. subject is released. */
int fleet_run(struct cli *cli, const struct fleet_order *order);

/* ---- Its parts ---- */

enum fleet_state {
    FLEET_WAITING,
    FLEET_RUNNING,
    FLEET_DONE,
    FLEET_FAILED,
    FLEET_ABORTED,
    FLEET_SKIPPED,
    FLEET_STATES
};

struct fleet_member {
    char *name, *target;
    enum fleet_state state;
    struct fleet_live *live; /* while it runs */
    uint64_t due_ms, start_ms;
};

/* fleet_targets.c: the devices of the command line and of --targets. Exit codes; release in either
 * case. */
struct fleet_targets {
    struct fleet_member *members;
    size_t count, cap;
};
int fleet_targets_read(struct cli *cli, struct fleet_targets *out);
void fleet_targets_release(struct fleet_targets *targets);

/* fleet_audit.c: one line an event, each in one write() to the end of the file. fd is -1 without
 * --audit. */
struct fleet_audit {
    struct cli *cli;
    const char *path;
    int fd;
    bool is_dirty; /* something is to be synchronised */
    bool is_broken;
    char run[40]; /* tells this run's lines from others' */
};
int fleet_audit_open(struct cli *cli, struct fleet_audit *audit);
void fleet_audit_close(struct fleet_audit *audit);
cJSON *fleet_audit_event(const struct fleet_audit *audit, const char *kind);
/* Append, and print with --json; event is released. */
void fleet_audit_add(struct fleet_audit *audit, cJSON *event);
/* What was added is on the disk when this returns. */
void fleet_audit_sync(struct fleet_audit *audit);
/* Mark as skipped who is done by the file's lines. Exit codes. */
int fleet_audit_resume(struct cli *cli, const struct fleet_order *order,
                       const struct fleet_targets *targets);

/* fleet_show.c: what a person reads. */
struct fleet_show {
    const struct cli *cli;
    const struct fleet_order *order;
    const struct fleet_targets *targets;
    bool is_terminal;
    unsigned lines;  /* on the screen, below all that stays */
    unsigned tenths; /* told, where it is no terminal */
    uint64_t shown_ms, start_ms;
};
void fleet_show_start(struct fleet_show *show, const struct cli *cli,
                      const struct fleet_order *order, const struct fleet_targets *targets);
void fleet_show_progress(struct fleet_show *show, const size_t counts[FLEET_STATES], bool is_paused,
                         uint64_t now_ms);
void fleet_show_result(struct fleet_show *show, const struct fleet_member *member,
                       const char *sentence, double seconds);
void fleet_show_note(struct fleet_show *show, const char *sentence);
void fleet_show_end(struct fleet_show *show, const size_t counts[FLEET_STATES]);

/* fleet.c, for the screen. */
void fleet_member_progress(const struct fleet_order *order, const struct fleet_member *member,
                           struct fleet_progress *out);

#endif
