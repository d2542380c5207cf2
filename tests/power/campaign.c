/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "campaign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan.h"

#define TEARS            4u
#define PAIR_TEARS       2u
#define CHAINS_PER_STORY 12u
#define SHOWN_MAX        5

static unsigned shown;

static void print_failure(const char *replay, const char *why)
{
    if (shown++ < SHOWN_MAX) {
        (void)printf("FAILED: %s\n  again: %s --replay '%s'\n", why, program_invocation_name,
                     replay);
        (void)fflush(stdout);
    }
}

static void open_keys(EVP_PKEY *keys[2])
{
    static const uint8_t secrets[2][32] = { "a fixed key for tests and no use",
                                            "another fixed key for tests only" };

    for (int i = 0; i < 2; i++) {
        keys[i] =
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secrets[i], sizeof secrets[i]);
        if (!keys[i]) {
            (void)fprintf(stderr, "power: no Ed25519 key\n");
            exit(2);
        }
    }
}

static void close_keys(EVP_PKEY *keys[2])
{
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

static void cut_story(const struct plan *plan, const struct job *job, size_t index,
                      struct story *story)
{
    for (enum story_stage stage = STAGE_REQUEST; stage < STAGES; stage++) {
        if (plan->options.only_chains || !story_has(story, stage)) {
            continue;
        }
        if (job->depth == PAIRS) {
            story_every_pair(story, stage, plan->pair_tears);
        } else {
            story_every_cut(story, stage, plan->tears);
        }
    }
    if (job->depth == SINGLES) {
        story_random_chains(story, plan->chains, plan->options.seed * JOBS_MAX + index);
    }
}

static void run_job(size_t index, struct pool_row *rows, void *ctx)
{
    const struct plan *plan = ctx;
    const struct job *job = &plan->jobs[index];
    struct pool_found *found = &rows[job->row].found;
    double begin = pool_cpu_seconds();
    char why[200], text[512];
    EVP_PKEY *keys[2];
    struct story *story;

    open_keys(keys);
    story = story_open(&job->spec, keys, why, sizeof why);
    if (story) {
        const struct story_tally *tally = story_tally(story);

        cut_story(plan, job, index, story);
        found->cases++;
        found->cuts += tally->cuts;
        found->runs += tally->paths;
        found->boots += tally->boots;
        found->failures += tally->failures;
        story_close(story);
    } else if (why[0]) {
        story_text(&job->spec, &(struct story_path){ .stage = STAGE_UPGRADE }, text, sizeof text);
        print_failure(text, why);
        found->failures++;
    }
    close_keys(keys);
    found->seconds += pool_cpu_seconds() - begin;
}

static int replay(const char *text)
{
    struct story_spec spec;
    struct story_path path;
    char why[200];
    struct story *story;
    EVP_PKEY *keys[2];
    bool is_fine;

    if (!story_parse(text, &spec, &path)) {
        (void)fprintf(stderr, "power: '%s' is not a path\n", text);
        return 2;
    }
    open_keys(keys);
    story = story_open(&spec, keys, why, sizeof why);
    if (!story || !story_has(story, path.stage)) {
        (void)fprintf(stderr, "power: no such story%s%s\n", why[0] ? ": " : "", why);
        return 2;
    }
    is_fine = story_follow(story, &path, stdout);
    (void)printf("%s\n", is_fine ? "ends well" : "ends badly");
    story_close(story);
    close_keys(keys);
    return is_fine ? 0 : 1;
}

int campaign_main(int argc, char **argv, const enum story_strategy *strategies, size_t count)
{
    static struct plan plan = { .tears = TEARS, .pair_tears = PAIR_TEARS };

    story_on_failure = print_failure;
    if (!pool_options_read(argc, argv, &plan.options)) {
        return 2;
    }
    if (plan.options.replay) {
        return replay(plan.options.replay);
    }
    plan.chains = plan.options.only_chains ? plan.options.chains : CHAINS_PER_STORY;
    if (plan.options.is_full) {
        plan.tears *= 2;
        plan.chains *= plan.options.only_chains ? 1 : 4;
    }
    plan_make(&plan, strategies, count);
    plan.pool.run = run_job;
    plan.pool.ctx = &plan;
    return pool_run(&plan.pool, &plan.options);
}
