/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the frame says: help from the tables, failures, notes, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OPTION_COLUMN  30
#define LINE_WIDTH     100
#define COMMAND_COLUMN 18
#define NAME_MAX_LEN   40

const char *const cli_about = "Sign firmware, update devices, see why they boot what they boot.";

const char *const cli_first_steps[] = {
    "# Make a key, sign a program for a board, look at what came out",
    "dfu keygen -k signing.pem -t ed25519",
    "dfu sign -k signing.pem -v 1.2.3 -H 512 --pad-header --board nrf52840dk app.bin new.bin",
    "dfu verify -k signing.pem new.bin",
    "# Update a device, and keep the new image only if it comes up",
    "dfu -d serial:/dev/ttyACM0 upgrade new.bin",
    "# Try all of it without a device",
    "dfu sim -b nrf52840dk -f flash.bin -k signing.pem --init new.bin --udp 1337",
    NULL,
};

const struct cli_exit_meaning cli_exits[CLI_EXITS] = {
    { CLI_DONE, "done" },
    { CLI_REFUSED, "refused by the device, or not valid" },
    { CLI_USAGE, "wrong usage, or a file that cannot be read or written" },
    { CLI_NO_DEVICE, "no such device, or the connection failed" },
    { CLI_NO_ANSWER, "no answer in time" },
    { CLI_REVERTED, "the device went back to its old image" },
    { CLI_INTERNAL, "internal error" },
    { CLI_SOME_FAILED, "of several devices, some failed" },
    { CLI_BUDGET, "of several devices, more failed than allowed; no more were started" },
    { CLI_STOPPED, "of several devices, not all were done when it was stopped" },
    { CLI_INTERRUPTED, "interrupted by Ctrl-C" },
    { CLI_TERMINATED, "ended by SIGTERM" },
};

/* At OPTION_COLUMN on, where the line stands; lines that follow start there, too. */
static int print_words(const char *text, int column)
{
    while (*text) {
        int len = (int)strcspn(text, " ");
        bool is_first = column == OPTION_COLUMN;

        if (!is_first && column + 1 + len > LINE_WIDTH) {
            printf("\n%*s", OPTION_COLUMN, "");
            column = OPTION_COLUMN;
            is_first = true;
        }
        printf("%s%.*s", is_first ? "" : " ", len, text);
        column += len + !is_first;
        text += len + (text[len] == ' ');
    }
    return column;
}

static void print_option(const struct cli_spelling *word)
{
    const struct cli_option *o = word->option;
    char fallback[NAME_MAX_LEN];
    int column = OPTION_COLUMN,
        len =
            printf("  %c%c%s%s%s%s%s", word->letter ? '-' : ' ', word->letter ? word->letter : ' ',
                   word->letter && word->name ? ", " : "  ", word->name ? "--" : "",
                   word->name ? word->name : "", o->arg ? " " : "", o->arg ? o->arg : "");

    if (o->help) {
        if (len >= OPTION_COLUMN) {
            printf("\n%*s", OPTION_COLUMN, "");
        } else {
            printf("%*s", OPTION_COLUMN - len, "");
        }
        column = print_words(o->help, column);
    }
    if (o->fallback) {
        snprintf(fallback, sizeof fallback, "[%s]", o->fallback);
        print_words(fallback, column);
    }
    printf("\n");
}

/* The command's own options, or the global ones. */
static void print_options(const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);

    for (size_t i = 0; i < count; i++) {
        if (!command || words[i].option->id > 0) {
            print_option(&words[i]);
        }
    }
}

const char *cli_program(const struct cli *cli)
{
    return cli->is_imgtool ? "imgtool" : "dfu";
}

static void print_examples(const struct cli *cli, const char *const *examples)
{
    for (const char *const *e = examples; e && *e; e++) {
        bool is_ours = strncmp(*e, "dfu ", 4) == 0;

        printf("  %s%s%s\n", is_ours ? cli_program(cli) : "", is_ours ? " " : "",
               is_ours ? *e + 4 : *e);
    }
}

/* imgtool knows its own commands only. */
bool cli_knows(const struct cli *cli, const struct cli_command *command)
{
    return !cli->is_imgtool || command->is_imgtools;
}

void cli_help(const struct cli *cli)
{
    printf("usage: %s [OPTIONS] COMMAND [ARGUMENTS]\n\n%s\n\n", cli_program(cli), cli_about);
    if (!cli->is_imgtool) {
        printf("examples:\n");
        print_examples(cli, cli_first_steps);
        printf("\n");
    }
    printf("commands:\n");
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (cli_knows(cli, *c)) {
            printf("  %-*s %s\n", COMMAND_COLUMN, (*c)->name, (*c)->summary);
        }
    }
    printf("\noptions:\n");
    print_options(NULL);
    printf("\nexit codes:\n");
    for (size_t i = 0; i < (cli->is_imgtool ? CLI_NO_DEVICE : CLI_EXITS); i++) {
        printf("  %d %s\n", cli_exits[i].code, cli_exits[i].meaning);
    }
    printf("\n%s COMMAND --help explains a command.\n", cli_program(cli));
}

bool cli_help_group(const struct cli *cli, const char *group)
{
    size_t len = strlen(group);
    bool is_group = false;

    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (strncmp((*c)->name, group, len) != 0 || (*c)->name[len] != ' ' || !cli_knows(cli, *c)) {
            continue;
        }
        if (!is_group) {
            printf("usage: %s %s COMMAND [ARGUMENTS]\n\ncommands:\n", cli_program(cli), group);
        }
        is_group = true;
        printf("  %-*s %s\n", COMMAND_COLUMN, (*c)->name, (*c)->summary);
    }
    if (is_group) {
        printf("\n%s %s COMMAND --help explains a command.\n", cli_program(cli), group);
    }
    return is_group;
}

void cli_help_command(const struct cli *cli)
{
    const struct cli_command *command = cli->command;

    printf("usage: %s %s%s%s%s%s\n\n%s.\n", cli_program(cli),
           command->needs_target ? "-d TARGET " : "", command->name,
           command->options ? " [OPTIONS]" : "", command->args && command->args[0] ? " " : "",
           command->args ? command->args : "", command->summary);
    if (command->details) {
        printf("\n%s\n", command->details);
    }
    if (command->examples && command->examples[0]) {
        printf("\nexamples:\n");
        print_examples(cli, command->examples);
    }
    if (command->options && command->options->id) {
        printf("\noptions:\n");
        print_options(command);
    }
    printf("\n%s help lists the options of every command (--json, -q ...).\n", cli_program(cli));
}

/* Levenshtein's distance; names longer than the row are simply far. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1], a_len = strlen(a), b_len = strlen(b);

    if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN) {
        return NAME_MAX_LEN;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[b_len];
}

const char *cli_nearest(const struct cli *cli, const char *typed)
{
    const char *nearest = NULL;
    size_t best = strlen(typed) < 4 ? 2 : 3;

    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        size_t d = distance(typed, (*c)->name);

        if (d < best && cli_knows(cli, *c)) {
            best = d;
            nearest = (*c)->name;
        }
    }
    return nearest;
}

char *cli_hex(const uint8_t *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
    out[2 * len] = 0;
    return out;
}

/* Others than 1 and 2 imgtool does not have. */
static int exit_code_of(const struct cli *cli, int exit_code)
{
    if (exit_code == CLI_INPUT) {
        return cli->is_imgtool ? CLI_REFUSED : CLI_USAGE;
    }
    return cli->is_imgtool && exit_code > CLI_USAGE ? CLI_REFUSED : exit_code;
}

int cli_fail(struct cli *cli, int exit_code, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    exit_code = exit_code_of(cli, exit_code);
    if (cli->failed) {
        return exit_code;
    }
    cli->failed = true;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (cli->told) {
        snprintf(cli->told, cli->told_cap, "%s", message);
        return exit_code;
    }
    fflush(stdout);
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON *error = cJSON_AddObjectToObject(json, "error");

        cJSON_AddNumberToObject(error, "code", exit_code);
        cJSON_AddStringToObject(error, "message", message);
        (void)cli_json_print(cli, json);
    } else {
        fprintf(stderr, "%s%s\n", cli->is_imgtool ? "Error: " : "dfu: ", message);
    }
    return exit_code;
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    va_list args;

    if (cli->quiet) {
        return;
    }
    va_start(args, fmt);
    fprintf(stderr, "%s: ", cli_program(cli));
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
}

/* The length of the UTF-8 character that text starts with (RFC 3629), 0 if it is none. */
static size_t utf8_len(const unsigned char *text)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char low, high;   /* of the second */
        size_t len;
    } forms[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last) {
            continue;
        }
        if (forms[i].len > 1 && (text[1] < forms[i].low || text[1] > forms[i].high)) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((text[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

void cli_make_utf8(char *text)
{
    while (*text) {
        size_t len = utf8_len((unsigned char *)text);

        if (len == 0) {
            *text = '?';
        }
        text += len ? len : 1;
    }
}

int cli_json_print(struct cli *cli, cJSON *json)
{
    char *text = cJSON_Print(json);

    cJSON_Delete(json);
    if (!text) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    cli_make_utf8(text);
    printf("%s\n", text);
    cJSON_free(text);
    return CLI_DONE;
}
