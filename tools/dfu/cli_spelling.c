/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Which options may stand where, and how they are written there: for the parser, for help, and
 * for whatever is generated from the tables. */
#include <assert.h>
#include <string.h>

#include "cli.h"

struct spellings {
    struct cli_spelling *list;
    size_t count;
};

static bool has_name(const struct spellings *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->list[i].name && strcmp(s->list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_letter(const struct spellings *s, char letter)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->list[i].letter == letter) {
            return true;
        }
    }
    return false;
}

/* What the list already has wins over the new one. */
static void add(struct spellings *s, const struct cli_option *option, bool with_letter)
{
    struct cli_spelling *new = &s->list[s->count];

    assert(s->count < CLI_SPELLINGS_MAX);
    *new = (struct cli_spelling){ .option = option };
    if (option->name && !has_name(s, option->name)) {
        new->name = option->name;
    }
    if (with_letter && option->letter && !has_letter(s, option->letter)) {
        new->letter = option->letter;
    }
    s->count += new->name || new->letter;
}

size_t cli_spellings(const struct cli_command *command, struct cli_spelling *out)
{
    struct spellings s = { out, 0 };

    for (const struct cli_option *o = command ? command->options : NULL; o && o->id; o++) {
        add(&s, o, true);
    }
    for (const struct cli_option *o = cli_globals; o->id; o++) {
        bool is_for_devices = o->id == CLI_G_DEVICE || o->id == CLI_G_TIMEOUT ||
                              o->id == CLI_G_LATENCY || o->id == CLI_G_RECORD ||
                              o->id == CLI_G_AUTH_KEY;

        if (!command) {
            add(&s, o, true);
        } else if (o->id != CLI_G_VERSION && (command->needs_target || !is_for_devices)) {
            add(&s, o, o->id == CLI_G_HELP || o->id == CLI_G_DEVICE);
        }
    }
    return s.count;
}
