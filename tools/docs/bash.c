/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Completion for bash: tables as case branches, then one function that walks the words. */
#include <string.h>

#include "docs.h"

static void spell(FILE *out, const struct cli_spelling *word, const char *between)
{
    if (word->letter) {
        fprintf(out, "-%c%s", word->letter, word->name ? between : "");
    }
    if (word->name) {
        fprintf(out, "--%s", word->name);
    }
}

static void print_options(FILE *out, const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);

    fprintf(out, "    '%s') echo '", command ? command->name : "");
    for (size_t i = 0; i < count; i++) {
        fputs(i ? " " : "", out);
        spell(out, &words[i], " ");
    }
    fputs("' ;;\n", out);
}

/* A value as the walker takes it: @file, @text, @target, @board, or the words it may be. */
static void print_value(FILE *out, const struct docs_value *value)
{
    static const char *const kinds[] = { "@text", "@file", "@target", "@board", "" };

    fprintf(out, "'%s", kinds[value->kind]);
    for (size_t i = 0; value->kind == DOCS_CHOICE && value->choices[i]; i++) {
        fprintf(out, "%s%s", i ? " " : "", value->choices[i]);
    }
    fputc('\'', out);
}

static void print_values(FILE *out, const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);
    const char *name = command ? command->name : "";

    for (size_t i = 0; i < count; i++) {
        struct docs_value values[DOCS_VALUES_MAX];
        size_t value_count = docs_values_of(words[i].option, values, DOCS_VALUES_MAX);

        if (value_count == 0) {
            continue;
        }
        fputs("    ", out);
        if (words[i].letter) {
            fprintf(out, "'%s -%c'%s", name, words[i].letter, words[i].name ? " | " : "");
        }
        if (words[i].name) {
            fprintf(out, "'%s --%s'", name, words[i].name);
        }
        fputs(") _dfu_values=(", out);
        for (size_t k = 0; k < value_count; k++) {
            fputs(k ? " " : "", out);
            print_value(out, &values[k]);
        }
        fputs(") ;;\n", out);
    }
}

/* What the commands' arguments are; the last kind goes for all that follow. */
static void print_args(FILE *out, const struct cli_command *command)
{
    struct docs_value args[8];
    size_t count = docs_args_of(command, args, sizeof(args) / sizeof(args[0]));

    if (count > 0) {
        fprintf(out, "    '%s') echo ", command->name);
        print_value(out, &args[0]);
        fputs(" ;;\n", out);
    }
}

static void print_seconds(FILE *out, const char *first, size_t len)
{
    fprintf(out, "    '%.*s') echo '", (int)len, first);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        const char *second = docs_second_word(*c);

        if (second && strncmp((*c)->name, first, len + 1) == 0) {
            fprintf(out, "%s ", second);
        }
    }
    fputs("' ;;\n", out);
}

static void print_commands(FILE *out)
{
    fputs("_dfu_commands() { # what may follow the words of a command's name\n    case $1 in\n"
          "    '') echo 'help ",
          out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (docs_is_first_of_group(c)) {
            fprintf(out, "%.*s ", (int)strcspn((*c)->name, " "), (*c)->name);
        }
    }
    fputs("' ;;\n", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (docs_second_word(*c) && docs_is_first_of_group(c)) {
            print_seconds(out, (*c)->name, strcspn((*c)->name, " "));
        }
    }
    fputs("    esac\n}\n\n", out);
}

static const char walker[] =
    "# The words before the cursor: what command they name, and what value is due.\n"
    "_dfu_walk() {\n"
    "    local i word\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "        =) continue ;;\n"
    "        :) ((i++)) && continue ;; # readline parts words at colons, too\n"
    "        esac\n"
    "        if ((${#_dfu_values[@]})); then\n"
    "            _dfu_values=(\"${_dfu_values[@]:1}\")\n"
    "        elif [[ $word == -* ]]; then\n"
    "            _dfu_find_values \"$_dfu_command $word\"\n"
    "        elif [[ $word == help && -z $_dfu_command ]]; then\n"
    "            continue\n"
    "        elif [[ -n $(_dfu_commands \"$_dfu_command\") ]]; then\n"
    "            _dfu_command=${_dfu_command:+$_dfu_command }$word\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "_dfu_complete_value() { # KIND TYPED\n"
    "    case $1 in\n"
    "    @file) compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$2\") ;;\n"
    "    @text) ;;\n"
    "    @target) compopt -o nospace 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$_dfu_targets $(_dfu_profiles)\" -- \"$2\") ;;\n"
    "    @board) compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$_dfu_boards\" -- \"$2\"\n"
    "            compgen -f -X '!*.dtb' -- \"$2\"; compgen -d -- \"$2\") ;;\n"
    "    *) mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\") ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_dfu() {\n"
    "    local _dfu_command='' _dfu_values=() typed=${COMP_WORDS[COMP_CWORD]} next\n"
    "    COMPREPLY=()\n"
    "    _dfu_walk\n"
    "    [[ $typed != = ]] || typed=''\n"
    "    next=$(_dfu_commands \"$_dfu_command\")\n"
    "    if ((${#_dfu_values[@]})); then\n"
    "        _dfu_complete_value \"${_dfu_values[0]}\" \"$typed\"\n"
    "    elif [[ $typed == -* ]]; then\n"
    "        _dfu_complete_value \"$(_dfu_options \"$_dfu_command\")\" \"$typed\"\n"
    "    elif [[ -n $next ]]; then\n"
    "        _dfu_complete_value \"$next\" \"$typed\"\n"
    "    else\n"
    "        next=$(_dfu_argument \"$_dfu_command\")\n"
    "        _dfu_complete_value \"${next:-@text}\" \"$typed\"\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _dfu dfu\n";

void docs_bash(FILE *out)
{
    fputs("# Completion of dfu for bash; made from the tables of the program.\n\n", out);
    print_commands(out);
    fputs("_dfu_options() { # of a command\n    case $1 in\n", out);
    print_options(out, NULL);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        print_options(out, *c);
    }
    fputs("    esac\n}\n\n_dfu_find_values() { # that an option of a command takes\n"
          "    case $1 in\n",
          out);
    print_values(out, NULL);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        print_values(out, *c);
    }
    fputs("    esac\n}\n\n_dfu_argument() { # of a command\n    case $1 in\n", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        print_args(out, *c);
    }
    fputs("    esac\n}\n\n_dfu_targets='", out);
    for (size_t i = 0; docs_targets[i]; i++) {
        fprintf(out, "%s%s", i ? " " : "", docs_targets[i]);
    }
    fputs("'\n_dfu_boards='", out);
    docs_print_boards(out);
    fprintf(out, "'\n\n_dfu_profiles() {\n    %s\n}\n\n%s", docs_profiles, walker);
}
