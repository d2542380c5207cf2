/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* docs.h - man pages and shell completion from the tool's own tables: what dfu takes is what they
 * say. Everything is printed to a stream; main.c names the files. */
#ifndef DFU_DOCS_H
#define DFU_DOCS_H

#include <stdio.h>

#include "cli.h"

#define DOCS_VALUES_MAX 2u
#define DOCS_CHOICE_MAX 32u

/* What may be typed as a value, from the word that the table has for it. */
enum docs_kind { DOCS_TEXT, DOCS_FILE, DOCS_TARGET, DOCS_BOARD, DOCS_CHOICE };

struct docs_value {
    enum docs_kind kind;
    char name[64]; /* "FILE" */
    const char *choices[DOCS_CHOICE_MAX + 1];
    char text[128]; /* where the choices lie */
};

/* The values of an option (0 for a flag), or the arguments of a command; at most max. */
size_t docs_values_of(const struct cli_option *option, struct docs_value *out, size_t max);
size_t docs_args_of(const struct cli_command *command, struct docs_value *out, size_t max);

/* The words that a command's name has in front of a second one: "image". NULL if it has one. */
const char *docs_second_word(const struct cli_command *command);

/* Whether the command is the first in the list with its first word. */
bool docs_is_first_of_group(const struct cli_command *const *command);

/* How devices are named. */
extern const char *const docs_targets[];

/* A sed script that takes the names out of the file of profiles, quoted for every shell; and the
 * command of bash and zsh that prints them. */
#define DOCS_PROFILE_NAMES "'s/^[ \t]*\\([^#= \t]*\\)[ \t]*=.*/\\1/p'"
extern const char docs_profiles[];

/* The boards of this build, apart by blanks; others are .dtb files. */
void docs_print_boards(FILE *out);

/* Print text between single quotes, as sh, zsh and fish read it. */
void docs_quote(FILE *out, const char *text);

void docs_man(FILE *out, const char *date);
void docs_man_command(FILE *out, const struct cli_command *command, const char *date);
void docs_bash(FILE *out);
void docs_zsh(FILE *out);
void docs_fish(FILE *out);

/* Every command has an example with a word of explanation, and every example is a command line
 * that the tool takes. The number of faults, each told on stderr. */
int docs_check_examples(void);

#endif
