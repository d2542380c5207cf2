/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "campaign.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"

#define WORKERS          2
#define TEARS            4u
#define PAIR_TEARS       2u
#define CHAINS_PER_STORY 12u
#define SHOWN_MAX        5

/* What one process found in one row. */
struct row {
    unsigned cases;
    struct story_tally tally;
    double seconds;
};

/* Shared by the processes: who takes the next job, and each one's own rows. */
struct shared {
    size_t next;
    struct row rows[WORKERS][ROWS_MAX];
};

static const char *program;
static unsigned shown;

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double wall_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_failure(const char *replay, const char *why)
{
    if (shown++ < SHOWN_MAX) {
        (void)printf("FAILED: %s\n  again: %s --replay '%s'\n", why, program, replay);
        (void)fflush(stdout);
    }
}

/* ---- Doing it ---- */

static EVP_PKEY *fixed_key(void)
{
    static const uint8_t private_key[32] = "a fixed key for tests and no use";
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, sizeof private_key);

    if (!key) {
        (void)fprintf(stderr, "power: no Ed25519 key\n");
        exit(2);
    }
    return key;
}

static void add_tally(struct story_tally *to, const struct story_tally *from)
{
    to->paths += from->paths;
    to->cuts += from->cuts;
    to->boots += from->boots;
    to->failures += from->failures;
}

static void run_job(const struct plan *plan, size_t index, EVP_PKEY *key, struct row *rows)
{
    const struct job *job = &plan->jobs[index];
    struct row *row = &rows[job->row];
    double begin = cpu_seconds();
    char why[200], text[512];
    struct story *story = story_open(&job->spec, key, why, sizeof why);

    if (!story) {
        if (why[0]) {
            story_text(&job->spec, &(struct story_path){ .stage = STAGE_UPGRADE }, text,
                       sizeof text);
            print_failure(text, why);
            row->tally.failures++;
        }
        return;
    }
    row->cases++;
    for (enum story_stage stage = STAGE_REQUEST; stage < STAGES; stage++) {
        if (plan->only_chains || !story_has(story, stage)) {
            continue;
        }
        if (job->depth == PAIRS) {
            story_every_pair(story, stage, plan->pair_tears);
        } else {
            story_every_cut(story, stage, plan->tears);
        }
    }
    if (job->depth == SINGLES) {
        story_random_chains(story, plan->chains, plan->seed * JOBS_MAX + index);
    }
    add_tally(&row->tally, story_tally(story));
    story_close(story);
    row->seconds += cpu_seconds() - begin;
}

static void work(const struct plan *plan, struct shared *shared, size_t worker)
{
    EVP_PKEY *key = fixed_key();
    size_t index;

    while ((index = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED)) < plan->job_count) {
        run_job(plan, index, key, shared->rows[worker]);
    }
    EVP_PKEY_free(key);
}

static bool run_shared(const struct plan *plan, struct shared *shared)
{
    pid_t pids[WORKERS];
    bool is_fine = true;

    (void)fflush(stdout);
    for (size_t i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(plan, shared, i);
            (void)fflush(stdout);
            _exit(0);
        }
    }
    for (size_t i = 0; i < WORKERS; i++) {
        int status = 0;

        if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0) {
            is_fine = false;
        }
    }
    return is_fine;
}

/* ---- Telling ---- */

static struct row sum_of(const struct shared *shared, size_t index)
{
    struct row row = { 0 };

    for (size_t i = 0; i < WORKERS; i++) {
        row.cases += shared->rows[i][index].cases;
        row.seconds += shared->rows[i][index].seconds;
        add_tally(&row.tally, &shared->rows[i][index].tally);
    }
    return row;
}

static void print_row(const char *name, const struct row *row)
{
    (void)printf("%-50s %5u %9llu %9llu %10llu %9.0f %8llu %7.1f\n", name, row->cases,
                 (unsigned long long)row->tally.cuts, (unsigned long long)row->tally.paths,
                 (unsigned long long)row->tally.boots,
                 row->seconds > 0 ? (double)row->tally.cuts / row->seconds : 0.0,
                 (unsigned long long)row->tally.failures, row->seconds);
}

static void print_plain(const struct plan *plan, const struct shared *shared)
{
    char name[128];

    (void)printf("image sizes from within a sector to the largest; test, permanent, confirmed; %u "
                 "tears an operation, erases also stopped at trailer fields; plain and sticky "
                 "cells; random chains from seed %llu\n",
                 plan->tears, (unsigned long long)plan->seed);
    (void)printf("%-14s %-14s %s  %s  %-14s %5s %9s %9s %10s %9s %8s %7s\n", "strategy", "what",
                 "unit", "er", "encryption", "cases", "cuts", "runs", "boots", "cuts/s", "failures",
                 "cpu s");
    for (size_t i = 0; i < plan->row_count; i++) {
        struct row row = sum_of(shared, i);

        if (row.cases > 0 || row.tally.failures > 0) {
            print_row(plan_row_name(&plan->rows[i], name, sizeof name), &row);
        }
    }
}

static void print_geometries(const struct plan_row *row)
{
    static const char *const names[GEOMETRIES] = { "equal", "mixed", "coarse", "fine", "crossing" };
    const char *comma = "";

    for (int i = 0; i < GEOMETRIES; i++) {
        if (row->has_geometry[i]) {
            (void)printf("%s%s", comma, names[i]);
            comma = ", ";
        }
    }
}

/* As docs/TESTING.md has it. */
static void print_markdown(const struct plan *plan, const struct shared *shared)
{
    (void)printf("| strategy | what | unit | erased | sectors | size pairs | encryption | images "
                 "| cases | cuts | runs judged | failures | cpu s |\n"
                 "|---|---|--:|---|---|--:|---|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < plan->row_count; i++) {
        const struct plan_row *is = &plan->rows[i];
        struct row row = sum_of(shared, i);

        if (row.cases == 0 && row.tally.failures == 0) {
            continue;
        }
        (void)printf("| %s | %s | %u | %02x | ", story_strategy_name(is->strategy), is->what,
                     is->write_size, is->erased);
        print_geometries(is);
        (void)printf(" | %u | %s | 1 | %u | %llu | %llu | %llu | %.1f |\n", is->size_count,
                     is->encryption, row.cases, (unsigned long long)row.tally.cuts,
                     (unsigned long long)row.tally.paths, (unsigned long long)row.tally.failures,
                     row.seconds);
    }
}

static uint64_t print_total(const struct plan *plan, const struct shared *shared, double wall)
{
    struct row total = { 0 };

    for (size_t i = 0; i < plan->row_count; i++) {
        struct row row = sum_of(shared, i);

        total.cases += row.cases;
        total.seconds += row.seconds;
        add_tally(&total.tally, &row.tally);
    }
    print_row("total", &total);
    (void)printf("%.1f s on %d processes\n", wall, WORKERS);
    if (total.tally.cuts == 0) {
        (void)printf("FAILED: nothing was cut\n");
        return 1;
    }
    return total.tally.failures;
}

static int replay(const char *text)
{
    struct story_spec spec;
    struct story_path path;
    char why[200];
    struct story *story;
    EVP_PKEY *key;
    bool is_fine;

    if (!story_parse(text, &spec, &path)) {
        (void)fprintf(stderr, "power: '%s' is not a path\n", text);
        return 2;
    }
    key = fixed_key();
    story = story_open(&spec, key, why, sizeof why);
    if (!story || !story_has(story, path.stage)) {
        (void)fprintf(stderr, "power: no such story%s%s\n", why[0] ? ": " : "", why);
        return 2;
    }
    is_fine = story_follow(story, &path, stdout);
    (void)printf("%s\n", is_fine ? "ends well" : "ends badly");
    story_close(story);
    EVP_PKEY_free(key);
    return is_fine ? 0 : 1;
}

static int run_all(struct plan *plan, bool as_table)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double begin = wall_seconds();
    uint64_t failures;
    bool is_fine;

    if (shared == MAP_FAILED) {
        return 2;
    }
    is_fine = run_shared(plan, shared);
    (as_table ? print_markdown : print_plain)(plan, shared);
    failures = print_total(plan, shared, wall_seconds() - begin);
    if (!is_fine) {
        (void)printf("FAILED: a process ended early\n");
    }
    return failures == 0 && is_fine ? 0 : 1;
}

int campaign_main(int argc, char **argv, const enum story_strategy *strategies, size_t count)
{
    static const struct option names[] = {
        { "replay", required_argument, NULL, 'r' },
        { "only", required_argument, NULL, 'o' },
        { "chains", required_argument, NULL, 'c' },
        { "seed", required_argument, NULL, 's' },
        { "full", no_argument, NULL, 'f' },
        { "table", no_argument, NULL, 't' },
        { NULL, 0, NULL, 0 },
    };
    static struct plan plan = {
        .tears = TEARS, .pair_tears = PAIR_TEARS, .chains = CHAINS_PER_STORY, .seed = 1
    };
    bool as_table = false;
    int name;

    program = program_invocation_name;
    story_on_failure = print_failure;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'r': return replay(optarg);
        case 'c':
            plan.chains = (unsigned)strtoul(optarg, NULL, 10);
            plan.only_chains = true;
            break;
        case 'o': plan.only = optarg; break;
        case 's': plan.seed = strtoull(optarg, NULL, 10); break;
        case 't': as_table = true; break;
        case 'f':
            plan.is_full = true;
            plan.tears *= 2;
            plan.chains *= 4;
            break;
        default:
            (void)fprintf(
                stderr,
                "usage: %s [--replay SPEC | [--only ROW] [--chains N] [--seed S] [--full] "
                "[--table]]\n",
                program_invocation_short_name);
            return 2;
        }
    }
    plan_make(&plan, strategies, count);
    return run_all(&plan, as_table);
}
