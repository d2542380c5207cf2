/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What was given on the command line, and as what. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_option *option_of(const struct cli *cli, int id)
{
    for (const struct cli_option *o = cli->command->options; o && o->id; o++) {
        if (o->id == id) {
            return o;
        }
    }
    return NULL;
}

bool cli_has(const struct cli *cli, int id)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (cli->given[i].option->id == id) {
            return true;
        }
    }
    return false;
}

const char *cli_value(const struct cli *cli, int id)
{
    const struct cli_option *option = option_of(cli, id);

    for (size_t i = cli->given_count; i > 0; i--) {
        if (cli->given[i - 1].option->id == id) {
            return cli->given[i - 1].values[0];
        }
    }
    return option ? option->fallback : NULL;
}

size_t cli_count(const struct cli *cli, int id)
{
    size_t count = 0;

    for (size_t i = 0; i < cli->given_count; i++) {
        if (cli->given[i].option->id == id) {
            count += cli->given[i].option->nargs == 2 ? 2 : 1;
        }
    }
    return count;
}

const char *cli_value_n(const struct cli *cli, int id, size_t n)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        const struct cli_given *given = &cli->given[i];
        size_t values = given->option->nargs == 2 ? 2 : 1;

        if (given->option->id != id) {
            continue;
        }
        if (n < values) {
            return given->values[n];
        }
        n -= values;
    }
    return NULL;
}

int cli_argc(const struct cli *cli)
{
    return cli->argc;
}

const char *cli_arg(const struct cli *cli, int n)
{
    return n >= 0 && n < cli->argc ? cli->argv[n] : NULL;
}

const char *cli_option_text(const struct cli *cli, int id)
{
    static char text[64]; /* one message at a time */
    const struct cli_option *o = option_of(cli, id);

    if (!o) {
        return "option";
    }
    if (o->letter && o->name) {
        snprintf(text, sizeof(text), "-%c/--%s", o->letter, o->name);
    } else if (o->name) {
        snprintf(text, sizeof(text), "--%s", o->name);
    } else {
        snprintf(text, sizeof(text), "-%c", o->letter);
    }
    return text;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'Z') {
        return c - 'A' + 10;
    }
    return 36;
}

/* 0x, 0o, 0b in either case; returns the base and steps over the prefix. */
static unsigned take_base(const char **text)
{
    static const char letters[] = "xXoObB";
    static const unsigned char bases[] = { 16, 16, 8, 8, 2, 2 };
    const char *p = *text;
    const char *letter = p[0] == '0' && p[1] ? strchr(letters, p[1]) : NULL;

    if (!letter) {
        return 10;
    }
    *text = p + 2;
    *text += **text == '_'; /* a prefix may be set off by one */
    return bases[letter - letters];
}

bool cli_parse_number(const char *text, uint64_t *out)
{
    const char *p = text;
    uint64_t value = 0;
    unsigned base;
    bool has_zero_first;

    p += *p == '+';
    has_zero_first = p[0] == '0';
    base = take_base(&p);
    if (*p == 0 || *p == '_') {
        return false;
    }
    for (; *p; p++) {
        int digit;

        if (*p == '_' && p[1] && p[1] != '_') {
            continue;
        }
        digit = digit_of(*p);
        if (digit >= (int)base || value > (UINT64_MAX - (unsigned)digit) / base) {
            return false;
        }
        value = value * base + (unsigned)digit;
    }
    /* 010 might be meant as eight or as ten: refused, as Python does. */
    if (base == 10 && has_zero_first && value != 0) {
        return false;
    }
    *out = value;
    return true;
}

int cli_number(struct cli *cli, int id, uint64_t min, uint64_t max, uint64_t *out)
{
    const char *text = cli_value(cli, id);
    uint64_t value;

    if (!text) {
        return CLI_DONE;
    }
    if (text[0] == '-' && cli_parse_number(text + 1, &value)) {
        return cli_fail(cli, CLI_INPUT, "%s %s is outside %llu to %llu", cli_option_text(cli, id),
                        text, (unsigned long long)min, (unsigned long long)max);
    }
    if (!cli_parse_number(text, &value)) {
        return cli_fail(cli, CLI_USAGE,
                        "%s %s is not a whole number; write it in decimal or with 0x, 0o or 0b in "
                        "front",
                        cli_option_text(cli, id), text);
    }
    if (value < min || value > max) {
        return cli_fail(cli, CLI_INPUT, "%s %s is outside %llu to %llu", cli_option_text(cli, id),
                        text, (unsigned long long)min, (unsigned long long)max);
    }
    *out = value;
    return CLI_DONE;
}

int cli_choice(struct cli *cli, int id, const char *const *names, size_t *out)
{
    const char *text = cli_value(cli, id);
    char list[256] = "";

    if (!text) {
        return CLI_DONE;
    }
    for (size_t i = 0; names[i]; i++) {
        size_t used = strlen(list);

        if (strcmp(names[i], text) == 0) {
            *out = i;
            return CLI_DONE;
        }
        snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", names[i]);
    }
    return cli_fail(cli, CLI_USAGE, "%s %s is not one of: %s", cli_option_text(cli, id), text,
                    list);
}
