/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the frame says: help from the tables, failures, notes, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OPTION_COLUMN  30
#define COMMAND_COLUMN 18
#define NAME_MAX_LEN   40

static void print_option(const struct cli_option *o)
{
    char left[96];
    int len = snprintf(left, sizeof(left), "  %c%c%s%s%s%s%s", o->letter ? '-' : ' ',
                       o->letter ? o->letter : ' ', o->letter && o->name ? ", " : "  ",
                       o->name ? "--" : "", o->name ? o->name : "", o->arg ? " " : "",
                       o->arg ? o->arg : "");

    printf("%s", left);
    if (o->help) {
        if (len >= OPTION_COLUMN) {
            printf("\n%*s", OPTION_COLUMN, "");
        } else {
            printf("%*s", OPTION_COLUMN - len, "");
        }
        printf("%s", o->help);
    }
    if (o->fallback) {
        printf(" [%s]", o->fallback);
    }
    printf("\n");
}

void cli_help(void)
{
    printf("usage: dfu [OPTIONS] COMMAND [ARGUMENTS]\n\n"
           "Sign firmware, update devices, see why they boot what they boot.\n\ncommands:\n");
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        printf("  %-*s %s\n", COMMAND_COLUMN, (*c)->name, (*c)->summary);
    }
    printf("\noptions:\n");
    for (const struct cli_option *o = cli_globals; o->id; o++) {
        print_option(o);
    }
    printf("\ndfu COMMAND --help explains a command.\n"
           "exit code: 0 done, 1 refused or not valid, 2 wrong usage or unreadable input,\n"
           "  3 no such device, 4 no answer in time, 5 device went back to its old image, "
           "6 internal\n");
}

void cli_help_command(const struct cli_command *command)
{
    printf("usage: dfu %s%s%s%s%s\n\n%s.\n", command->needs_target ? "-d TARGET " : "",
           command->name, command->options ? " [OPTIONS]" : "",
           command->args && command->args[0] ? " " : "", command->args ? command->args : "",
           command->summary);
    if (command->details) {
        printf("\n%s\n", command->details);
    }
    if (command->options && command->options->id) {
        printf("\noptions:\n");
        for (const struct cli_option *o = command->options; o->id; o++) {
            print_option(o);
        }
    }
    if (command->examples && command->examples[0]) {
        printf("\nexamples:\n");
        for (const char *const *e = command->examples; *e; e++) {
            printf("  %s\n", *e);
        }
    }
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

const char *cli_nearest(const char *typed)
{
    const char *nearest = NULL;
    size_t best = strlen(typed) < 4 ? 2 : 3;

    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        size_t d = distance(typed, (*c)->name);

        if (d < best) {
            best = d;
            nearest = (*c)->name;
        }
    }
    return nearest;
}

int cli_fail(struct cli *cli, int exit_code, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    if (cli->failed) {
        return exit_code;
    }
    cli->failed = true;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    fflush(stdout);
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON *error = cJSON_AddObjectToObject(json, "error");

        cJSON_AddNumberToObject(error, "code", exit_code);
        cJSON_AddStringToObject(error, "message", message);
        (void)cli_json_print(cli, json);
    } else {
        fprintf(stderr, "dfu: %s\n", message);
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
    fprintf(stderr, "dfu: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
}

int cli_json_print(struct cli *cli, cJSON *json)
{
    char *text = cJSON_Print(json);

    cJSON_Delete(json);
    if (!text) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    printf("%s\n", text);
    cJSON_free(text);
    return CLI_DONE;
}
