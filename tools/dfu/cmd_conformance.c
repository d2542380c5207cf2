/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu conformance: put an SMP server to the rules of the protocol, and say which it keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "conform.h"

enum { OPT_DESTRUCTIVE = 1, OPT_AS, OPT_BOOT };

static const char *const kinds[] = { "auto", "application", "recovery", NULL };
static const char *const words[] = { [CONFORM_PASS] = "pass",
                                     [CONFORM_FAIL] = "FAIL",
                                     [CONFORM_ABSENT] = "not offered",
                                     [CONFORM_LEFT_OUT] = "left out" };

struct report {
    struct conform *c;
    cJSON *rules; /* NULL: a table is printed */
    unsigned counts[4];
    bool is_dead;
};

static void print_rule(const struct report *r, const struct conform_group *group,
                       const struct conform_rule *rule, enum conform_result result)
{
    char name[48];

    if (result == CONFORM_LEFT_OUT || (r->c->dev->cli->quiet && result != CONFORM_FAIL)) {
        return;
    }
    snprintf(name, sizeof(name), "%s.%s", group->name, rule->name);
    printf("%-24s %-11s  %s\n", name, words[result], rule->says);
    if (result == CONFORM_FAIL) {
        printf("%24s expected %s\n", "", r->c->expected);
        printf("%24s saw      %s (version %u; see \"%s\")\n", "", r->c->seen, r->c->version + 1u,
               rule->spec);
    }
}

static void add_rule(const struct report *r, const struct conform_group *group,
                     const struct conform_rule *rule, enum conform_result result)
{
    cJSON *json = cJSON_CreateObject();
    char name[48];

    snprintf(name, sizeof(name), "%s.%s", group->name, rule->name);
    cJSON_AddStringToObject(json, "rule", name);
    cJSON_AddStringToObject(json, "says", rule->says);
    cJSON_AddStringToObject(json, "see", rule->spec);
    cJSON_AddStringToObject(json, "result", result == CONFORM_FAIL ? "fail" : words[result]);
    if (result == CONFORM_FAIL) {
        cJSON_AddStringToObject(json, "expected", r->c->expected);
        cJSON_AddStringToObject(json, "seen", r->c->seen);
        cJSON_AddNumberToObject(json, "version", r->c->version + 1);
    }
    cJSON_AddItemToArray(r->rules, json);
}

static void run_group(struct report *r, const struct conform_group *group)
{
    for (const struct conform_rule *rule = group->rules; rule->name && !r->is_dead; rule++) {
        enum conform_result result = conform_run(r->c, rule);

        r->counts[result]++;
        (r->rules ? add_rule : print_rule)(r, group, rule, result);
        r->is_dead = result == CONFORM_FAIL && r->c->is_silent && !conform_is_alive(r->c);
    }
}

static int show_end(struct report *r)
{
    struct cli *cli = r->c->dev->cli;
    int code = r->counts[CONFORM_FAIL] > 0 ? CLI_REFUSED : CLI_DONE;

    if (r->rules) {
        cJSON *json = cJSON_CreateObject();
        int err;

        cJSON_AddStringToObject(json, "kind", kinds[r->c->kind]);
        cJSON_AddNumberToObject(json, "passed", r->counts[CONFORM_PASS]);
        cJSON_AddNumberToObject(json, "failed", r->counts[CONFORM_FAIL]);
        cJSON_AddNumberToObject(json, "not_offered", r->counts[CONFORM_ABSENT]);
        cJSON_AddNumberToObject(json, "left_out", r->counts[CONFORM_LEFT_OUT]);
        cJSON_AddBoolToObject(json, "fell_silent", r->is_dead);
        cJSON_AddItemToObject(json, "rules", r->rules);
        err = cli_json_print(cli, json);
        return err ? err : code;
    }
    if (r->is_dead) {
        printf("the server does not answer any more: the rest was not tried\n");
    }
    printf("%u passed, %u failed, %u not offered by this %s", r->counts[CONFORM_PASS],
           r->counts[CONFORM_FAIL], r->counts[CONFORM_ABSENT], kinds[r->c->kind]);
    if (r->counts[CONFORM_LEFT_OUT] > 0) {
        printf("; %u left out, which write to the device or reset it (--destructive)",
               r->counts[CONFORM_LEFT_OUT]);
    }
    printf("\n");
    return code;
}

static int run_all(struct device *dev)
{
    struct conform c = { .dev = dev, .is_destructive = cli_has(dev->cli, OPT_DESTRUCTIVE) };
    struct report r = { .c = &c };
    size_t kind = 0;
    uint64_t boot_s = 0;
    int code = cli_choice(dev->cli, OPT_AS, kinds, &kind);

    code = code ? code : cli_number(dev->cli, OPT_BOOT, 1, 86400, &boot_s);
    c.boot_ms = (uint32_t)boot_s * 1000u;
    c.kind = (enum conform_kind)kind;
    code = code ? code : conform_meet(&c);
    if (!code) {
        r.rules = dev->cli->json ? cJSON_CreateArray() : NULL;
        for (const struct conform_group *group = conform_groups; group->name; group++) {
            if (group->kind == CONFORM_ANY || group->kind == c.kind) {
                run_group(&r, group);
            }
        }
        code = show_end(&r);
    }
    conform_free(&c);
    return code;
}

static int conformance_run(struct cli *cli)
{
    return device_with(cli, run_all);
}

static const struct cli_option conformance_options[] = {
    { "destructive", 0, NULL, 0, "also the rules that erase and write the slot, and reset", NULL,
      OPT_DESTRUCTIVE },
    { "as", 0, "auto|application|recovery", 1, "whose rules: a bootloader's differ", "auto",
      OPT_AS },
    { "boot-time", 0, "SECONDS", 1, "how long a restart may take", "60", OPT_BOOT },
    { 0 },
};

static const char *const conformance_examples[] = {
    "# What a server promises without being changed",
    "dfu -d udp:192.0.2.1 conformance",
    "# All of it, on a device that may lose what is in its free slot",
    "dfu -d serial:/dev/ttyACM0 conformance --destructive",
    NULL,
};

const struct cli_command cmd_conformance = {
    .name = "conformance",
    .summary = "Put any SMP server to the rules of the protocol",
    .details =
        "Asks what docs/CONFORMANCE.md lists and compares the answers. With --destructive the\n"
        "other slot is erased and written, images are marked, the clock is set and the device is\n"
        "reset; a bootloader in serial recovery loses the image it would start. Exit code 1: a\n"
        "rule is broken. Use a link that loses nothing: nothing is asked twice. An upload that\n"
        "runs meanwhile ends.",
    .options = conformance_options,
    .examples = conformance_examples,
    .needs_target = true,
    .run = conformance_run,
};
