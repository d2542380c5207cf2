/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Completion for zsh: one function a command, which says its options to _arguments. */
#include <string.h>

#include "docs.h"

/* Within '...' of an _arguments specification: brackets, colons and quotes end things there. */
static void escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputs(strchr("[]:\\", *text) ? "\\" : "", out);
            fputc(*text, out);
        }
    }
}

static void print_action(FILE *out, const struct docs_value *value)
{
    fputc(':', out);
    escaped(out, value->kind == DOCS_CHOICE ? "value" : value->name);
    fputc(':', out);
    switch (value->kind) {
    case DOCS_TEXT: fputc(' ', out); break;
    case DOCS_FILE: fputs("_files", out); break;
    case DOCS_TARGET: fputs("_dfu_targets", out); break;
    case DOCS_BOARD: fputs("_dfu_boards", out); break;
    case DOCS_CHOICE:
        for (size_t i = 0; value->choices[i]; i++) {
            fputc(i ? ' ' : '(', out);
            escaped(out, value->choices[i]);
        }
        fputc(')', out);
        break;
    }
}

/* One way to write an option; every one may be said again. */
static void print_way(FILE *out, const struct cli_option *option, const char *dashes,
                      const char *name)
{
    struct docs_value values[DOCS_VALUES_MAX];
    size_t count = docs_values_of(option, values, DOCS_VALUES_MAX);

    fprintf(out, " \\\n        '*%s%s%s[", dashes, name,
            count == 0       ? ""
            : dashes[1] == 0 ? "+"
                             : "=");
    escaped(out, option->help ? option->help : "");
    fputc(']', out);
    for (size_t i = 0; i < count; i++) {
        print_action(out, &values[i]);
    }
    fputc('\'', out);
}

static void print_options(FILE *out, const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);

    for (size_t i = 0; i < count; i++) {
        char letter[2] = { words[i].letter, 0 };

        if (words[i].letter) {
            print_way(out, words[i].option, "-", letter);
        }
        if (words[i].name) {
            print_way(out, words[i].option, "--", words[i].name);
        }
    }
}

static void print_command(FILE *out, const struct cli_command *command)
{
    struct docs_value args[8];
    size_t count = docs_args_of(command, args, sizeof(args) / sizeof(args[0]));

    fprintf(out, "    '%s') _arguments -s", command->name);
    print_options(out, command);
    for (size_t i = 0; i < count; i++) {
        fputs(" \\\n        '", out);
        fputs(i + 1 == count && strstr(command->args, "...") ? "*" : "", out);
        print_action(out, &args[i]);
        fputc('\'', out);
    }
    fputs(" ;;\n", out);
}

/* NAME:SUMMARY as _describe takes it. */
static void print_choice(FILE *out, const char *name, size_t len, const char *what)
{
    fprintf(out, "        '%.*s:", (int)len, name);
    for (; *what; what++) {
        fputs(*what == '\'' ? "'\\''" : *what == ':' ? "\\:" : (char[]){ *what, 0 }, out);
    }
    fputs("'\n", out);
}

static void print_group(FILE *out, const char *first, size_t len)
{
    fprintf(out, "    %.*s) list=(\n", (int)len, first);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        const char *second = docs_second_word(*c);

        if (second && strncmp((*c)->name, first, len + 1) == 0) {
            print_choice(out, second, strlen(second), (*c)->summary);
        }
    }
    fputs("    ) ;;\n", out);
}

static void print_lists(FILE *out)
{
    fputs("_dfu_list() { # what may follow the words of a command's name\n    list=()\n"
          "    case $1 in\n    '') list=(\n        'help:Explain a command'\n",
          out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        bool is_group = docs_second_word(*c) != NULL;

        if (docs_is_first_of_group(c)) {
            print_choice(out, (*c)->name, strcspn((*c)->name, " "),
                         is_group ? "Several commands" : (*c)->summary);
        }
    }
    fputs("    ) ;;\n", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (docs_second_word(*c) && docs_is_first_of_group(c)) {
            print_group(out, (*c)->name, strcspn((*c)->name, " "));
        }
    }
    fputs("    esac\n}\n\n", out);
}

void docs_zsh(FILE *out)
{
    fputs("#compdef dfu\n# Completion of dfu for zsh; made from the tables of the program.\n\n"
          "_dfu_targets() {\n    compadd -S '' --",
          out);
    for (size_t i = 0; docs_targets[i]; i++) {
        fprintf(out, " %s", docs_targets[i]);
    }
    fprintf(out, "\n    compadd -- ${(f)\"$(%s)\"}\n}", docs_profiles);
    fputs("\n\n_dfu_boards() {\n    _alternative 'boards:board:(", out);
    docs_print_boards(out);
    fputs(")' 'files:board file:_path_files -g \"*.dtb(-.) *(-/)\"'\n}\n\n", out);
    print_lists(out);
    fputs("_dfu_command() {\n    case $1 in\n", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        print_command(out, *c);
    }
    fputs("    esac\n}\n\n"
          "_dfu() {\n"
          "    local curcontext=$curcontext state line command list=()\n"
          "    typeset -A opt_args\n"
          "    _arguments -C -s -A '-*'",
          out);
    print_options(out, NULL);
    fputs(" \\\n        '1:command:->command' '*::argument:->argument' && return\n"
          "    case $state in\n"
          "    command) _dfu_list '' && _describe -t commands command list; return ;;\n"
          "    esac\n"
          "    if [[ $words[1] == help ]]; then\n"
          "        (( CURRENT > 1 )) || return\n"
          "        shift words; (( CURRENT-- ))\n"
          "        (( CURRENT > 1 )) || { _dfu_list '' && _describe -t commands command list; "
          "return; }\n"
          "    fi\n"
          "    command=$words[1]\n"
          "    _dfu_list $command\n"
          "    if (( $#list )); then\n"
          "        if (( CURRENT == 2 )); then\n"
          "            _describe -t commands command list\n"
          "            return\n"
          "        fi\n"
          "        command=\"$command $words[2]\"\n"
          "        shift words; (( CURRENT-- ))\n"
          "    fi\n"
          "    _dfu_command $command\n"
          "}\n\n"
          "if [[ $funcstack[1] == _dfu ]]; then\n    _dfu \"$@\"\nelse\n    compdef _dfu dfu\nfi\n",
          out);
}
