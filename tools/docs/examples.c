/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Examples are documentation that can be checked: each is a command line that dfu takes. */
#include <string.h>

#include "docs.h"

#define WORDS_MAX 64

/* Splits a line at blanks outside of quotes, up to what the shell would take over: a pipe, a
 * redirection. Returns the number of words. */
static int split(char *text, char **words)
{
    int count = 0;
    char *to = text;

    while (*text && count < WORDS_MAX - 1) {
        char quote = 0;

        text += strspn(text, " ");
        if (!*text || strchr("|<>&;", *text)) {
            break;
        }
        words[count++] = to;
        for (; *text && (quote || *text != ' '); text++) {
            if (quote && *text == quote) {
                quote = 0;
            } else if (!quote && (*text == '\'' || *text == '"')) {
                quote = *text;
            } else {
                *to++ = *text;
            }
        }
        text += *text != 0;
        *to++ = 0;
    }
    words[count] = NULL;
    return count;
}

static bool is_assignment(const char *word)
{
    size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

    return len > 0 && word[len] == '=';
}

static bool is_taken(const char *example)
{
    char text[512], *words[WORDS_MAX], **argv = words;
    int argc;

    snprintf(text, sizeof(text), "%s", example);
    argc = split(text, words);
    while (argc > 0 && is_assignment(argv[0])) {
        argv++;
        argc--;
    }
    return argc > 1 && strcmp(argv[0], "dfu") == 0 && cli_rehearse(argc, argv) == CLI_DONE;
}

static int check_list(const char *name, const char *const *list)
{
    int faults = 0;

    if (!list || !list[0] || list[0][0] != '#' || !list[1]) {
        fprintf(stderr, "dfu %s: no example, or no comment in front of it\n", name);
        return 1;
    }
    for (; *list; list++) {
        if (list[0][0] != '#' && !is_taken(*list)) {
            fprintf(stderr, "dfu %s: an example that dfu does not take: %s\n", name, *list);
            faults++;
        }
    }
    return faults;
}

int docs_check_examples(void)
{
    int faults = check_list("help", cli_first_steps);

    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        faults += check_list((*c)->name, (*c)->examples);
    }
    return faults;
}
