/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* cli.h - what every command of the tool shares: options, messages, exit codes, files.
 *
 * A command is one const struct cli_command in a cmd_*.c file, declared in commands.h and listed
 * in main.c. The frame parses its options, checks the number of its arguments and prints its
 * help from that table; run() does the work and returns an exit code. */
#ifndef DFU_CLI_H
#define DFU_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1,   /* by the device, or verification failed */
    CLI_USAGE = 2,     /* a wrong command line, or a file that cannot be read or written */
    CLI_NO_DEVICE = 3, /* not there, or the connection failed */
    CLI_NO_ANSWER = 4, /* in time */
    CLI_REVERTED = 5,  /* upgraded, but the device came back with the old image */
    CLI_INTERNAL = 6,
    CLI_SOME_FAILED = 7, /* of several devices */
    CLI_BUDGET = 8,      /* more of them than allowed */
    CLI_STOPPED = 9,     /* by a signal, before all were done */
    CLI_EXIT_COUNT,
    CLI_INTERRUPTED = 130, /* as shells say it: 128 and SIGINT */
    CLI_TERMINATED = 143,  /* SIGTERM */
    CLI_INPUT /* as CLI_USAGE; but where imgtool ends in a traceback, status 1 as imgtool */
};

/* letter may be 0, name may be NULL (not both). arg names what the value is (FILE is a file's
 * name, TARGET a device) or lists all that it may be: "hash|full". An option without arg is a flag;
 * one with nargs = 2 takes the word after its value, too. id is the command's own number for it, 1 or
 * more; fallback is what cli_value answers when it was not given. A list ends with {0}. */
struct cli_option {
    const char *name;
    char letter;
    const char *arg; /* as help shows it: "FILE", "human|json"; NULL: a flag */
    uint8_t nargs;   /* 0 counts as 1 where arg is set */
    const char *help;
    const char *fallback;
    int id;
};

struct cli;

struct cli_command {
    const char *name;    /* "sign", "image upload" */
    const char *args;    /* "INFILE OUTFILE", "[NAME]", "FILE..."; NULL or "": none */
    const char *summary; /* one line of the list of commands */
    const char *details; /* paragraphs for its own help, or NULL */
    const struct cli_option *options;
    const char *const *examples; /* NULL-terminated; "# ..." says what the lines after it do */
    bool needs_target;
    const char *target_form; /* how its target is written, or NULL: as of all that speak SMP */
    int targets_option;      /* id of the option that names a file of targets; then -d may be given
                         * several times. 0: one device at a time */
    bool is_imgtools;        /* one of imgtool's, too */
    int (*run)(struct cli *cli);
};

struct cli_given {
    const struct cli_option *option;
    const char *values[2];
};

/* Global options, then what belongs to the command. Read freely, change nothing. */
struct cli {
    const char *target;   /* -d or DFU_TARGET; never NULL where needs_target */
    const char **targets; /* every -d, in their order; target is the last of them */
    size_t target_count;
    const char *auth_key; /* --auth-key or DFU_AUTH_KEY, or NULL */
    bool json;
    bool quiet;
    int verbose;         /* how often -v was said */
    uint32_t timeout_ms; /* 0: not given */
    uint32_t latency_ms; /* of a device that sleeps; 0: not given */
    const char *record;  /* the file of --record, or NULL */
    bool is_record_cut;  /* it could not be written whole */
    bool is_imgtool;     /* called by that name: its commands, exit codes and lines */
    const struct cli_command *command;
    bool failed; /* cli_fail has spoken */
    char *told;  /* where cli_fail puts its sentence instead of printing it, or NULL */
    size_t told_cap;
    bool is_rehearsal; /* only the words are looked at */

    struct cli_given *given;
    size_t given_count;
    char **argv;
    int argc;
};

/* Whether an option was given; its last value (or the fallback, or NULL); how many values it
 * got in all and the n-th of them, in the order of the command line (an option with two
 * arguments has two values each time). */
bool cli_has(const struct cli *cli, int id);
const char *cli_value(const struct cli *cli, int id);
size_t cli_count(const struct cli *cli, int id);
const char *cli_value_n(const struct cli *cli, int id, size_t n);

/* The arguments that are not options. cli_arg(n) is NULL where there are fewer. */
int cli_argc(const struct cli *cli);
const char *cli_arg(const struct cli *cli, int n);

/* Say in one sentence what went wrong, why, and what to do next (no full stop, no newline), and
 * return the exit code: `return cli_fail(cli, CLI_USAGE, "cannot read %s: %s", path, why);`. With
 * --json it becomes an object on stdout. Said once: a second call is ignored. */
int cli_fail(struct cli *cli, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Something the user should know that is no failure; on stderr, not with --quiet. */
void cli_note(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print one JSON document on stdout and release it. Returns CLI_DONE or CLI_INTERNAL. */
int cli_json_print(struct cli *cli, cJSON *json);

/* Put a ? for every byte that makes no UTF-8: names of files may hold anything, JSON may not. */
void cli_make_utf8(char *text);

/* Bytes as lower-case hexadecimal; out holds 2 * len + 1. Returns out. */
char *cli_hex(const uint8_t *data, size_t len, char *out);

/* An option's value as a number within [min, max]: decimal, 0x, 0o or 0b, with _ between digits.
 * 0, or an exit code after saying what is wrong. An absent option gives its fallback; without
 * one *out is left alone. */
int cli_number(struct cli *cli, int id, uint64_t min, uint64_t max, uint64_t *out);

/* The same for text from elsewhere; false if it is no such number or exceeds 64 bits. */
bool cli_parse_number(const char *text, uint64_t *out);

/* The index of an option's value in a NULL-terminated list; 0, or an exit code after naming
 * what is allowed. An absent option without fallback leaves *out alone. */
int cli_choice(struct cli *cli, int id, const char *const *names, size_t *out);

/* "-k/--key", as messages name an option of the running command. */
const char *cli_option_text(const struct cli *cli, int id);

/* Read a whole file of at most limit bytes into memory that the caller frees. 0 or an exit code
 * after saying why. *data is never NULL on success and ends with an extra NUL byte. */
int cli_read_file(struct cli *cli, const char *path, size_t limit, uint8_t **data, size_t *len);

enum cli_file_kind { CLI_FILE_PLAIN, CLI_FILE_SECRET /* readable by its owner only */ };

/* Write a file so that either all of it or nothing appears under its name: a temporary file
 * beside it, then renamed; a secret is on the disk first, for it cannot be made again. Devices and
 * pipes are written directly. */
int cli_write_file(struct cli *cli, const char *path, enum cli_file_kind kind, const void *data,
                   size_t len);

/* Whether it can be, asked before something long is begun for it. 0 or an exit code after saying why
 * not. */
int cli_check_place(struct cli *cli, const char *path);

/* The same in two steps, for files that belong together: all are staged, then all are shown, which
 * is a rename and leaves little to go wrong. What is staged is shown or unstaged in the end. */
struct cli_staged {
    char *temporary, *target; /* NULL: nothing is staged */
};
int cli_stage_file(struct cli *cli, const char *path, enum cli_file_kind kind, const void *data,
                   size_t len, struct cli_staged *staged);
int cli_show_file(struct cli *cli, struct cli_staged *staged);
void cli_unstage_file(struct cli_staged *staged);

/* The frame's own parts; man pages and shell completion are generated from them, too. */
extern const struct cli_command *const cli_commands[]; /* commands.c */
extern const struct cli_option cli_globals[];
extern const char *const cli_first_steps[]; /* examples to begin with */
extern const char *const cli_about;         /* one sentence */

struct cli_exit_meaning {
    enum cli_exit code;
    const char *meaning;
};
#define CLI_EXITS (CLI_EXIT_COUNT + 2u)
extern const struct cli_exit_meaning cli_exits[CLI_EXITS];

/* How an option may be written where it stands. A command's own names and letters win over those
 * of global options. */
struct cli_spelling {
    const struct cli_option *option;
    const char *name; /* NULL: not this way here */
    char letter;      /* 0: not this way here */
};
#define CLI_SPELLINGS_MAX 128u

/* Every option a command takes, its own first; command NULL: those before a command. out holds
 * CLI_SPELLINGS_MAX of them. Returns how many there are. */
size_t cli_spellings(const struct cli_command *command, struct cli_spelling *out);
enum cli_global {
    CLI_G_DEVICE = -1,
    CLI_G_JSON = -2,
    CLI_G_QUIET = -3,
    CLI_G_VERBOSE = -4,
    CLI_G_TIMEOUT = -5,
    CLI_G_HELP = -6,
    CLI_G_VERSION = -7,
    CLI_G_LATENCY = -8,
    CLI_G_RECORD = -9,
    CLI_G_AUTH_KEY = -10
};
int cli_main(int argc, char **argv);
/* Judge a command line without doing what it says: 0 or the exit code it would end with. */
int cli_rehearse(int argc, char **argv);
void cli_help(const struct cli *cli);
void cli_help_command(const struct cli *cli); /* cli->command */
/* The commands whose first word that is; false: there is none. */
bool cli_help_group(const struct cli *cli, const char *group);
const char *cli_program(const struct cli *cli); /* "dfu", or "imgtool" */
bool cli_knows(const struct cli *cli, const struct cli_command *command);
/* The command whose name is nearest to what was typed, or NULL if none is near. */
const char *cli_nearest(const struct cli *cli, const char *typed);

#endif
