/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Completion for fish: one line an option. */
#include <string.h>

#include "docs.h"

/* fish knows \\ and \' between single quotes, and no other way to put a quote there. */
static void quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        fputs(strchr("'\\", *text) ? "\\" : "", out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void print_value(FILE *out, const struct docs_value *value)
{
    switch (value->kind) {
    case DOCS_FILE: fputs(" -r -F", out); return;
    case DOCS_TEXT: fputs(" -x", out); return;
    case DOCS_TARGET:
        fputs(" -x -a '", out);
        for (size_t i = 0; docs_targets[i]; i++) {
            fprintf(out, "%s%s", i ? " " : "", docs_targets[i]);
        }
        fputs(" (__dfu_profiles)", out);
        break;
    case DOCS_BOARD:
        fputs(" -x -a '", out);
        docs_print_boards(out);
        fputs("(__fish_complete_path (commandline -ct) | "
              "string match -r \"^[^\\t]*(?:\\.dtb|/)(?=\\t|\\$)\")",
              out);
        break;
    case DOCS_CHOICE:
        fputs(" -x -a '", out);
        for (size_t i = 0; value->choices[i]; i++) {
            fprintf(out, "%s%s", i ? " " : "", value->choices[i]);
        }
        break;
    }
    fputc('\'', out);
}

static void print_options(FILE *out, const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);

    for (size_t i = 0; i < count; i++) {
        struct docs_value value;

        fprintf(out, "complete -c dfu -n \"__dfu_is '%s'\"", command ? command->name : "");
        if (words[i].letter) {
            fprintf(out, " -s %c", words[i].letter);
        }
        if (words[i].name) {
            fprintf(out, " -l %s", words[i].name);
        }
        if (docs_values_of(words[i].option, &value, 1) > 0) {
            print_value(out, &value);
        }
        fputs(" -d ", out);
        quote(out, words[i].option->help ? words[i].option->help : "");
        fputc('\n', out);
    }
}

static void print_word(FILE *out, const char *after, size_t after_len, const char *name, size_t len,
                       const char *what)
{
    fprintf(out, "complete -c dfu -n \"__dfu_is '%.*s'\" -a %.*s -d ", (int)after_len, after,
            (int)len, name);
    quote(out, what);
    fputc('\n', out);
}

static void print_commands(FILE *out)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        size_t len = strcspn((*c)->name, " ");
        const char *second = docs_second_word(*c);

        if (docs_is_first_of_group(c)) {
            print_word(out, "", 0, (*c)->name, len, second ? "Several commands" : (*c)->summary);
        }
        if (second) {
            print_word(out, (*c)->name, len, second, strlen(second), (*c)->summary);
        }
    }
}

static void print_firsts(FILE *out)
{
    fputs("set -g __dfu_firsts", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (docs_is_first_of_group(c)) {
            fprintf(out, " %.*s", (int)strcspn((*c)->name, " "), (*c)->name);
        }
    }
    fputs("\nset -g __dfu_groups", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (docs_second_word(*c) && docs_is_first_of_group(c)) {
            fprintf(out, " %.*s", (int)strcspn((*c)->name, " "), (*c)->name);
        }
    }
    fputs("\n\n", out);
}

static const char finder[] =
    "function __dfu_command --description 'the command that was typed so far'\n"
    "    set -l command\n"
    "    for word in (commandline -opc)[2..]\n"
    "        if test (count $command) -eq 0\n"
    "            contains -- $word $__dfu_firsts; and set command $word\n"
    "        else if test (count $command) -eq 1; and contains -- $command[1] $__dfu_groups\n"
    "            set command $command $word\n"
    "        end\n"
    "    end\n"
    "    echo \"$command\"\n"
    "end\n"
    "\n"
    "function __dfu_is --argument-names wanted\n"
    "    test (__dfu_command) = \"$wanted\"\n"
    "end\n"
    "\n"
    "function __dfu_profiles --description 'names of devices'\n"
    "    set -l folder $XDG_CONFIG_HOME\n"
    "    test -n \"$folder\"; or set folder $HOME/.config\n"
    "    command sed -n " DOCS_PROFILE_NAMES " $folder/dfu/profiles 2>/dev/null\n"
    "end\n"
    "\n"
    "complete -c dfu -f\n";

void docs_fish(FILE *out)
{
    fputs("# Completion of dfu for fish; made from the tables of the program.\n\n", out);
    print_firsts(out);
    fputs(finder, out);
    print_commands(out);
    print_options(out, NULL);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        struct docs_value arg;

        print_options(out, *c);
        if (docs_args_of(*c, &arg, 1) > 0 && arg.kind == DOCS_FILE) {
            fprintf(out, "complete -c dfu -n \"__dfu_is '%s'\" -F\n", (*c)->name);
        }
    }
}
