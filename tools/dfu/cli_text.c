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

char *cli_hex(const uint8_t *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
    out[2 * len] = 0;
    return out;
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

/* Names of files and texts of devices may hold anything, JSON may not. */
static void make_utf8(char *text)
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
    make_utf8(text);
    printf("%s\n", text);
    cJSON_free(text);
    return CLI_DONE;
}
