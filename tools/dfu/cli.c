/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The command line: global options, the command, its options and arguments; then run it.
 * getopt_long does the work; what it is made to do besides: an abbreviated long option is
 * refused, an option may take two words, and every message is one sentence of ours. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "profile.h"

#define LONG_BASE   0x100 /* above any letter */
#define TIMEOUT_MAX 86400.0

const struct cli_option cli_globals[] = {
    { "device", 'd', "TARGET", 1,
      "serial:PORT[,baud=N][,raw], udp:HOST[:PORT], dtls:HOST[:PORT][,ca=FILE]..., "
      "tcp:HOST:PORT[,raw], ble:NAME|ADDRESS, usbip:HOST[:PORT], config:HOST[:PORT], or a name from "
      "~/.config/dfu/profiles (or set DFU_TARGET)",
      NULL, CLI_G_DEVICE },
    { "json", 0, NULL, 0, "print facts and errors as JSON on standard output", NULL, CLI_G_JSON },
    { "quiet", 'q', NULL, 0, "no progress and no notes", NULL, CLI_G_QUIET },
    { "verbose", 'v', NULL, 0, "say what happens; twice: every frame", NULL, CLI_G_VERBOSE },
    { "timeout", 0, "SECONDS", 1,
      "how long to wait for an answer; if not said 5, and a minute where flash is erased", NULL,
      CLI_G_TIMEOUT },
    { "latency", 0, "SECONDS", 1, "how long a device that sleeps may take to hear a request", NULL,
      CLI_G_LATENCY },
    { "record", 0, "FILE", 1, "append every frame to it; see dfu replay", NULL, CLI_G_RECORD },
    { "auth-key", 0, "PEM", 1,
      "the Ed25519 key to log in with if the device asks for it (or set DFU_AUTH_KEY)", NULL,
      CLI_G_AUTH_KEY },
    { "help", 'h', NULL, 0, "this text", NULL, CLI_G_HELP },
    { "version", 0, NULL, 0, "print the version", NULL, CLI_G_VERSION },
    { 0 },
};

struct grammar {
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    struct option longs[CLI_SPELLINGS_MAX + 1];
    char shorts[2 * CLI_SPELLINGS_MAX + 3];
    size_t count;
};

static const struct cli_option *by_letter(const struct grammar *g, int letter)
{
    for (size_t i = 0; i < g->count; i++) {
        if (letter != 0 && g->words[i].letter == letter) {
            return g->words[i].option;
        }
    }
    return NULL;
}

/* What getopt_long wants to know. mode says what it does about arguments among the options. */
static void grammar_of(struct grammar *g, const struct cli_command *command, const char *mode)
{
    size_t longs = 0, len = strlen(mode);

    *g = (struct grammar){ 0 };
    memcpy(g->shorts, mode, len);
    g->count = cli_spellings(command, g->words);
    for (size_t i = 0; i < g->count; i++) {
        const struct cli_spelling *word = &g->words[i];

        if (word->name) {
            g->longs[longs++] = (struct option){
                .name = word->name,
                .has_arg = word->option->arg ? required_argument : no_argument,
                .val = LONG_BASE + (int)i,
            };
        }
        if (word->letter) {
            g->shorts[len++] = word->letter;
            if (word->option->arg) {
                g->shorts[len++] = ':';
            }
        }
    }
}

/* getopt_long accepts any unique beginning of a name; scripts must not come to rely on that. */
static bool is_spelled_out(const struct cli_option *option, char **argv)
{
    const char *word = argv[optind - 1];
    size_t len = strlen(option->name);

    if (option->arg && optarg == word) {
        word = argv[optind - 2];
    }
    return strncmp(word + 2, option->name, len) == 0 &&
           (word[2 + len] == 0 || word[2 + len] == '=');
}

static const char *of_command(const struct cli *cli, char *buf, size_t cap)
{
    if (cli->command) {
        snprintf(buf, cap, "%s %s --help", cli_program(cli), cli->command->name);
    } else {
        snprintf(buf, cap, "%s help", cli_program(cli));
    }
    return buf;
}

static int fail_option(struct cli *cli, const struct grammar *g, int code, char **argv)
{
    char see[80], letter[3] = { '-', (char)optopt, 0 };
    const char *word = optopt > 0 && optopt < LONG_BASE ? letter : argv[optind - 1];

    of_command(cli, see, sizeof(see));
    if (code == ':') {
        const struct cli_option *o =
            optopt >= LONG_BASE ? g->words[optopt - LONG_BASE].option : by_letter(g, optopt);

        return cli_fail(cli, CLI_USAGE, "option %s needs a value (%s); see %s", word,
                        o ? o->arg : "VALUE", of_command(cli, see, sizeof(see)));
    }
    if (optopt >= LONG_BASE) {
        return cli_fail(cli, CLI_USAGE, "option --%s takes no value; see %s",
                        g->words[optopt - LONG_BASE].option->name,
                        of_command(cli, see, sizeof(see)));
    }
    return cli_fail(cli, CLI_USAGE, "there is no option %s; see %s", word,
                    of_command(cli, see, sizeof(see)));
}

/* "60", "0.5" or "60s", in milliseconds; at least one. */
static int set_seconds(struct cli *cli, const char *name, const char *text, uint32_t *ms)
{
    char *end;
    double seconds = strtod(text, &end);

    end += *end == 's';
    if (end == text || *end != 0 || !(seconds > 0 && seconds <= TIMEOUT_MAX)) {
        return cli_fail(cli, CLI_USAGE, "--%s %s is not a number of seconds above 0 and up to %.0f",
                        name, text, TIMEOUT_MAX);
    }
    *ms = (uint32_t)(seconds * 1000 + 0.5);
    *ms = *ms ? *ms : 1;
    return CLI_DONE;
}

static int take_global(struct cli *cli, const struct cli_option *option, bool *wants_help,
                       bool *wants_version)
{
    switch (option->id) {
    case CLI_G_DEVICE:
        cli->target = optarg;
        cli->targets[cli->target_count++] = optarg; /* room for argc of them */
        break;
    case CLI_G_JSON: cli->json = true; break;
    case CLI_G_QUIET: cli->quiet = true; break;
    case CLI_G_VERBOSE: cli->verbose++; break;
    case CLI_G_TIMEOUT: return set_seconds(cli, option->name, optarg, &cli->timeout_ms);
    case CLI_G_LATENCY: return set_seconds(cli, option->name, optarg, &cli->latency_ms);
    case CLI_G_RECORD: cli->record = optarg; break;
    case CLI_G_AUTH_KEY: cli->auth_key = optarg; break;
    case CLI_G_HELP: *wants_help = true; break;
    default: *wants_version = true; break;
    }
    return CLI_DONE;
}

static int take_given(struct cli *cli, const struct cli_option *option, int argc, char **argv)
{
    struct cli_given *given = &cli->given[cli->given_count++]; /* room for argc of them */

    given->option = option;
    given->values[0] = optarg;
    if (option->nargs == 2) {
        if (optind >= argc) {
            char see[80];

            return cli_fail(cli, CLI_USAGE, "option --%s needs two values (%s); see %s",
                            option->name, option->arg, of_command(cli, see, sizeof(see)));
        }
        given->values[1] = argv[optind++];
    }
    return CLI_DONE;
}

static int parse(struct cli *cli, const struct grammar *g, int argc, char **argv, bool *wants_help,
                 bool *wants_version)
{
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (;;) {
        const struct cli_option *option;
        int code = getopt_long(argc, argv, g->shorts, g->longs, NULL);

        if (code == -1) {
            return CLI_DONE;
        }
        if (code == '?' || code == ':') {
            return fail_option(cli, g, code, argv);
        }
        option = code >= LONG_BASE ? g->words[code - LONG_BASE].option : by_letter(g, code);
        if (code >= LONG_BASE && !is_spelled_out(option, argv)) {
            return cli_fail(cli, CLI_USAGE, "options are not abbreviated; write --%s in full",
                            option->name);
        }
        int exit_code = option->id < 0 ? take_global(cli, option, wants_help, wants_version)
                                       : take_given(cli, option, argc, argv);
        if (exit_code) {
            return exit_code;
        }
    }
}

/* Commands are one or two words. Returns how many were taken, or 0. */
static int find_command(struct cli *cli, int argc, char **argv)
{
    char two[64] = "";

    if (argc > 1) {
        snprintf(two, sizeof(two), "%s %s", argv[0], argv[1]);
    }
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (strcmp((*c)->name, two) == 0 && cli_knows(cli, *c)) {
            cli->command = *c;
            return 2;
        }
    }
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (strcmp((*c)->name, argv[0]) == 0 && cli_knows(cli, *c)) {
            cli->command = *c;
            return 1;
        }
    }
    return 0;
}

/* "upload" may mean image upload, fs upload, ...: the commands that end so; false: none does. */
static bool add_endings(const struct cli *cli, const char *word, char *list, size_t cap)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        const char *last = strrchr((*c)->name, ' ');
        size_t used = strlen(list);

        if (last && strcmp(last + 1, word) == 0 && cli_knows(cli, *c)) {
            snprintf(list + used, cap - used, "%s%s", used ? ", " : "", (*c)->name);
        }
    }
    return list[0] != 0;
}

static int fail_command(struct cli *cli, int argc, char **argv)
{
    char typed[64], group[512] = "";
    const char *nearest;
    size_t len = strlen(argv[0]);

    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (strncmp((*c)->name, argv[0], len) == 0 && (*c)->name[len] == ' ') {
            size_t used = strlen(group);

            snprintf(group + used, sizeof(group) - used, "%s%s", used ? ", " : "",
                     (*c)->name + len + 1);
        }
    }
    if (group[0] && !cli->is_imgtool) {
        return cli_fail(cli, CLI_USAGE, "%s %s needs one of: %s", cli_program(cli), argv[0], group);
    }
    nearest = cli_nearest(cli, argv[0]);
    if (!nearest && argc > 1) {
        snprintf(typed, sizeof(typed), "%s %s", argv[0], argv[1]);
        nearest = cli_nearest(cli, typed);
    }
    if (nearest) {
        return cli_fail(cli, CLI_USAGE, "there is no command %s; did you mean %s?", argv[0],
                        nearest);
    }
    if (add_endings(cli, argv[0], group, sizeof(group))) {
        return cli_fail(cli, CLI_USAGE, "there is no command %s; did you mean one of: %s?", argv[0],
                        group);
    }
    return cli_fail(cli, CLI_USAGE, "there is no command %s; %s help lists them", argv[0],
                    cli_program(cli));
}

/* args reads like "INFILE OUTFILE", "[NAME]", "FILE...". */
static int check_args(struct cli *cli)
{
    const char *args = cli->command->args ? cli->command->args : "", *p = args;
    int have = 0;

    while (*p) {
        size_t len = strcspn(p, " ");
        bool is_optional = p[0] == '[';
        bool is_open = len > 3 && memmem(p, len, "...", 3) != NULL;

        if (have >= cli->argc && !is_optional) {
            return cli_fail(cli, CLI_USAGE, "%.*s is missing; usage: %s %s [OPTIONS] %s",
                            (int)(is_open ? len - 3 : len), p, cli_program(cli), cli->command->name,
                            cli->command->args);
        }
        have = is_open ? cli->argc : have + 1;
        p += len;
        p += strspn(p, " ");
    }
    if (cli->argc > have) {
        return cli_fail(cli, CLI_USAGE, "%s is one argument too many; usage: %s %s [OPTIONS]%s%s",
                        cli->argv[have], cli_program(cli), cli->command->name, *args ? " " : "",
                        args);
    }
    return CLI_DONE;
}

static bool is_for_many(const struct cli *cli)
{
    return cli->target_count > 1 ||
           (cli->command->targets_option && cli_has(cli, cli->command->targets_option));
}

static int check_targets(struct cli *cli)
{
    if (cli->target_count > 1 && !cli->command->targets_option) {
        return cli_fail(cli, CLI_USAGE,
                        "dfu %s talks to one device; give -d once (dfu upgrade, image list and "
                        "image confirm take several)",
                        cli->command->name);
    }
    if (cli->command->needs_target && !is_for_many(cli) && (!cli->target || !cli->target[0])) {
        return cli_fail(cli, CLI_USAGE,
                        "dfu %s needs a device; name one with -d (%s) or in DFU_TARGET",
                        cli->command->name,
                        cli->command->target_form ? cli->command->target_form
                                                  : "serial:/dev/ttyACM0, udp:HOST");
    }
    return CLI_DONE;
}

/* Many are looked up one by one by the command. */
static int run_with_target(struct cli *cli)
{
    char *held = NULL;
    int exit_code = is_for_many(cli) ? CLI_DONE : profile_resolve(cli, &held);

    exit_code = exit_code ? exit_code : cli->command->run(cli);
    free(held);
    if (cli->is_record_cut && exit_code == CLI_DONE) {
        cli->json = false; /* what was done is told already */
        exit_code = cli_fail(cli, CLI_USAGE,
                             "%s could not be written and lacks what was said, though the command "
                             "is carried out; free some space or record to another file",
                             cli->record);
    }
    return exit_code;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    struct grammar g;
    bool wants_help = false, wants_version = false;
    int exit_code;

    grammar_of(&g, cli->command, ":");
    exit_code = parse(cli, &g, argc, argv, &wants_help, &wants_version);
    if (!exit_code && wants_help) {
        cli_help_command(cli);
        return CLI_DONE;
    }
    cli->argv = argv + optind;
    cli->argc = argc - optind;
    if (!exit_code) {
        exit_code = check_args(cli);
    }
    exit_code = exit_code ? exit_code : check_targets(cli);
    return exit_code || cli->is_rehearsal ? exit_code : run_with_target(cli);
}

static int help(struct cli *cli, int argc, char **argv)
{
    if (argc == 0) {
        cli_help(cli);
        return CLI_DONE;
    }
    if (!find_command(cli, argc, argv)) {
        bool is_group = argc == 1 && cli_help_group(cli, argv[0]);

        return is_group ? CLI_DONE : fail_command(cli, argc, argv);
    }
    cli_help_command(cli);
    return CLI_DONE;
}

/* "fs --help": of a group of commands. */
static bool asks_for_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    struct grammar g;
    bool wants_help = false, wants_version = false;
    int words, exit_code;

    grammar_of(&g, NULL, "+:");
    exit_code = parse(cli, &g, argc, argv, &wants_help, &wants_version);
    if (exit_code) {
        return exit_code;
    }
    if (wants_version) {
        printf("%s\n", DFUKIT_VERSION);
        return CLI_DONE;
    }
    argc -= optind;
    argv += optind;
    if (wants_help || (argc > 0 && strcmp(argv[0], "help") == 0)) {
        return help(cli, wants_help ? argc : argc - 1, wants_help ? argv : argv + 1);
    }
    if (argc == 0 && cli->json) {
        return cli_fail(cli, CLI_USAGE, "a command is missing; dfu help lists them");
    }
    if (argc == 0) {
        cli_help(cli);
        return cli->is_imgtool ? CLI_DONE : CLI_USAGE;
    }
    words = find_command(cli, argc, argv);
    if (words == 0) {
        return asks_for_help(argc, argv) ? help(cli, 1, argv) : fail_command(cli, argc, argv);
    }
    return run_command(cli, argc - (words - 1), argv + (words - 1));
}

/* Wrong options are told as JSON too, even those before --json. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static bool make_room(struct cli *cli, int argc)
{
    cli->given = calloc((size_t)argc + 1, sizeof(*cli->given));
    cli->targets = calloc((size_t)argc + 1, sizeof(*cli->targets));
    return cli->given && cli->targets;
}

static void release_room(struct cli *cli)
{
    free(cli->given);
    free(cli->targets);
}

int cli_rehearse(int argc, char **argv)
{
    struct cli cli = { .is_rehearsal = true };
    int exit_code;

    exit_code = make_room(&cli, argc) ? dispatch(&cli, argc, argv) : CLI_INTERNAL;
    release_room(&cli);
    return exit_code;
}

int cli_main(int argc, char **argv)
{
    struct cli cli = { .target = getenv("DFU_TARGET"),
                       .auth_key = getenv("DFU_AUTH_KEY"),
                       .json = asks_for_json(argc, argv) };
    int exit_code;

    cli.is_imgtool = argc > 0 && strcmp(basename(argv[0]), "imgtool") == 0;
    if (!make_room(&cli, argc)) {
        release_room(&cli);
        return cli_fail(&cli, CLI_INTERNAL, "out of memory");
    }
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), with a message */
    exit_code = dispatch(&cli, argc, argv);
    release_room(&cli);
    if (fflush(stdout) || ferror(stdout)) {
        cli.json = false; /* stdout is what failed */
        cli.failed = false;
        return cli_fail(&cli, CLI_USAGE, "cannot write to standard output: %s", strerror(errno));
    }
    return exit_code;
}
