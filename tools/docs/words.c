/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What the words of the tables mean to a shell. */
#include <string.h>

#include "board.h"
#include "boot_modes.h"
#include "docs.h"

const char *const docs_targets[] = { "serial:", "udp:",   "dtls:",   "tcp:",
                                     "ble:",    "usbip:", "config:", NULL };

const char docs_profiles[] = "command sed -n " DOCS_PROFILE_NAMES
                             " \"${XDG_CONFIG_HOME:-${HOME-}/.config}/dfu/profiles\" 2>/dev/null";

static enum docs_kind kind_of(const char *name)
{
    static const char *const files[] = { "FILE", "INFILE", "OUTFILE", "IMGFILE",
                                         "PEM",  "IMAGE",  "DIR",     "FILE-OR-HASH",
                                         "KEY",  "LINK",   NULL };

    for (size_t i = 0; files[i]; i++) {
        if (strcmp(name, files[i]) == 0) {
            return DOCS_FILE;
        }
    }
    return strcmp(name, "TARGET") == 0  ? DOCS_TARGET
           : strcmp(name, "BOARD") == 0 ? DOCS_BOARD
                                        : DOCS_TEXT;
}

static void print_board(void *ctx, const char *name)
{
    fprintf(ctx, "%s ", name);
}

void docs_print_boards(FILE *out)
{
    dfu_board_each(print_board, out);
}

/* The upgrade modes have a table of their own. */
static void read_modes(struct docs_value *out)
{
    size_t count = 0;

    out->kind = DOCS_CHOICE;
    for (const struct boot_mode *m = boot_modes; m->name && count < DOCS_CHOICE_MAX; m++) {
        out->choices[count++] = m->name;
    }
}

/* "FILE", "[FILE]", "FILE...", "auto|256". */
static void read_word(const char *word, size_t len, struct docs_value *out)
{
    size_t count = 0;

    *out = (struct docs_value){ 0 };
    word += word[0] == '[';
    snprintf(out->text, sizeof(out->text), "%.*s", (int)len, word);
    out->text[strcspn(out->text, ".] ")] = 0;
    snprintf(out->name, sizeof(out->name), "%.63s", out->text);
    out->kind = kind_of(out->name);
    if (strcmp(out->name, "MODE") == 0) {
        read_modes(out);
        return;
    }
    if (!strchr(out->text, '|')) {
        return;
    }
    out->kind = DOCS_CHOICE;
    for (char *p = strtok(out->text, "|"); p && count < DOCS_CHOICE_MAX; p = strtok(NULL, "|")) {
        out->choices[count++] = p;
    }
}

static size_t read_words(const char *text, struct docs_value *out, size_t max)
{
    size_t count = 0;

    while (text && *text && count < max) {
        size_t len = strcspn(text, " ");

        read_word(text, len, &out[count++]);
        text += len;
        text += strspn(text, " ");
    }
    return count;
}

size_t docs_values_of(const struct cli_option *option, struct docs_value *out, size_t max)
{
    size_t wanted = !option->arg ? 0 : option->nargs == 2 ? 2 : 1;
    size_t count = read_words(option->arg, out, wanted < max ? wanted : max);

    return count;
}

size_t docs_args_of(const struct cli_command *command, struct docs_value *out, size_t max)
{
    return read_words(command->args, out, max);
}

const char *docs_second_word(const struct cli_command *command)
{
    const char *space = strchr(command->name, ' ');

    return space ? space + 1 : NULL;
}

bool docs_is_first_of_group(const struct cli_command *const *command)
{
    size_t len = strcspn((*command)->name, " ");

    for (const struct cli_command *const *c = cli_commands; c != command; c++) {
        if (strncmp((*c)->name, (*command)->name, len + 1) == 0) {
            return false;
        }
    }
    return true;
}

void docs_quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputc(*text, out);
        }
    }
    fputc('\'', out);
}
