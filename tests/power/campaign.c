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

#define WORKERS          2
#define ROWS_MAX         64
#define JOBS_MAX         4096
#define TEARS            4u
#define PAIR_TEARS       2u
#define CHAINS_PER_STORY 12u
#define SHOWN_MAX        5

static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };
static const uint8_t erased_values[] = { 0xff, 0x00 };

struct layout {
    uint32_t sector, sectors, extra;
    uint16_t max_sectors;
};

/* 16 and 32 byte units make the trailer of the smaller sectors several sectors long. */
static const struct layout layouts[] = {
    { 1024, 3, 1, 8 }, { 1024, 4, 0, 8 }, { 512, 7, 1, 8 }, { 512, 12, 1, 16 }, { 256, 20, 1, 24 },
};

/* 0: the largest that fits. old longer than new, the reverse, less than a sector, exactly whole
 * sectors, one byte more. */
static const uint32_t sizes[][2] = {
    { 200, 250 }, { 700, 0 }, { 0, 300 }, { 0, 0 }, { 1024, 1025 },
};

enum depth { SINGLES, PAIRS };

struct job {
    struct story_spec spec;
    enum depth depth;
    size_t row;
};

struct row {
    char name[64];
    unsigned cases;
    struct story_tally tally;
    double seconds;
};

struct plan {
    struct job jobs[JOBS_MAX];
    size_t job_count, row_count;
    char row_names[ROWS_MAX][64];
    unsigned chains;
    uint64_t seed;
    bool only_chains;
    const char *only; /* rows whose name has this in it; or NULL */
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

/* ---- What is to be done ---- */

static const char *strategy_name(enum story_strategy strategy)
{
    static const char *const names[STORY_STRATEGIES] = { "move", "overwrite", "overwrite-fast",
                                                         "unpack", "unpack-fast" };

    return names[strategy];
}

static size_t row_of(struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->row_count; i++) {
        if (strcmp(plan->row_names[i], name) == 0) {
            return i;
        }
    }
    (void)snprintf(plan->row_names[plan->row_count], sizeof plan->row_names[0], "%s", name);
    return plan->row_count++;
}

static void add_job(struct plan *plan, const struct story_spec *spec, enum depth depth,
                    const char *name)
{
    if (plan->only && !strstr(name, plan->only)) {
        return;
    }
    if (plan->job_count == JOBS_MAX || plan->row_count == ROWS_MAX) {
        (void)fprintf(stderr, "power: the plan is too large\n");
        exit(2);
    }
    plan->jobs[plan->job_count].spec = *spec;
    plan->jobs[plan->job_count].depth = depth;
    plan->jobs[plan->job_count].row = row_of(plan, name);
    plan->job_count++;
}

static void add_twice(struct plan *plan, struct story_spec spec, enum depth depth, const char *name)
{
    add_job(plan, &spec, depth, name);
    spec.is_sticky = true;
    add_job(plan, &spec, depth, name);
}

static struct story_spec spec_of(enum story_strategy strategy, uint8_t write_size, uint8_t erased,
                                 const struct layout *layout, const uint32_t size[2])
{
    return (struct story_spec){
        .strategy = strategy,
        .write_size = write_size,
        .erased = erased,
        .sector = layout->sector,
        .sectors = layout->sectors,
        .extra = strategy == STORY_MOVE ? layout->extra : 0,
        .max_sectors = layout->max_sectors,
        .old_size = size[0],
        .new_size = size[1],
    };
}

static void plan_singles(struct plan *plan, enum story_strategy strategy, uint8_t write_size,
                         uint8_t erased)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%-14s every cut      %2u  %02x", strategy_name(strategy),
                   write_size, erased);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            struct story_spec spec = spec_of(strategy, write_size, erased, &layouts[i], sizes[j]);

            add_twice(plan, spec, SINGLES, name);
            spec.is_permanent = true;
            add_twice(plan, spec, SINGLES, name);
            /* An image that is confirmed in writing must be kept as well. */
            spec.is_confirmed = true;
            spec.is_permanent = j % 2 == 1;
            add_twice(plan, spec, SINGLES, name);
        }
    }
}

static void plan_pairs(struct plan *plan, enum story_strategy strategy)
{
    static const struct layout small[] = { { 512, 5, 1, 6 }, { 256, 10, 1, 12 } };
    static const uint32_t pair_sizes[][2] = { { 700, 300 }, { 300, 700 } };
    static const uint8_t pair_units[][2] = { { 4, 0xff }, { 16, 0x00 } };
    char name[64];

    for (size_t i = 0; i < 2 * 2 * 2 * 2; i++) {
        const uint8_t *unit = pair_units[i & 1];
        struct story_spec spec =
            spec_of(strategy, unit[0], unit[1], &small[i >> 1 & 1], pair_sizes[i >> 2 & 1]);

        spec.is_permanent = (i >> 3 & 1) != 0;
        spec.is_confirmed = (i & 1) != 0;
        (void)snprintf(name, sizeof name, "%-14s every pair     %2u  %02x", strategy_name(strategy),
                       unit[0], unit[1]);
        add_twice(plan, spec, PAIRS, name);
    }
}

static void plan_special(struct plan *plan, enum story_strategy strategy)
{
    static const struct layout layout = { 512, 6, 1, 8 };
    static const uint32_t size[][2] = { { 700, 1500 }, { 0, 400 } };
    char name[64];

    for (size_t i = 0; i < 4; i++) {
        struct story_spec spec = spec_of(strategy, 8, 0xff, &layout, size[i % 2]);

        spec.is_signed = i < 2;
        spec.is_unchecked = i >= 2;
        spec.is_permanent = i % 2 == 1;
        (void)snprintf(name, sizeof name, "%-14s %-14s  8  ff", strategy_name(strategy),
                       spec.is_signed ? "Ed25519" : "not validated");
        add_twice(plan, spec, SINGLES, name);
    }
}

/* Where a copy decodes, two kinds of flash stand for all: it writes like any other copy. */
static bool is_worth_it(enum story_strategy strategy, uint8_t write_size, uint8_t erased)
{
    return (strategy != STORY_UNPACK && strategy != STORY_UNPACK_FAST) ||
           (write_size == 4 && erased == 0xff) || (write_size == 16 && erased == 0x00);
}

/* In plain cells: see "known and open" in docs/TESTING.md. */
static void plan_encrypted_pairs(struct plan *plan, enum story_strategy strategy)
{
    static const struct layout layout = { 512, 7, 1, 8 };
    static const uint32_t size[] = { 700, 301 };
    struct story_spec spec = spec_of(strategy, 4, 0xff, &layout, size);
    char name[64];

    (void)snprintf(name, sizeof name, "%-14s AES-128, pairs  4  ff", strategy_name(strategy));
    spec.crypt_len = 16;
    add_job(plan, &spec, PAIRS, name);
}

/* Encrypted images: every cut in few geometries. The last layout's trailers take several sectors. */
static void plan_encrypted(struct plan *plan, enum story_strategy strategy)
{
    static const struct layout small[] = { { 1024, 4, 1, 8 },
                                           { 512, 7, 1, 8 },
                                           { 256, 10, 1, 12 } };
    static const uint32_t crypt_sizes[][2] = { { 700, 301 }, { 250, 0 }, { 512, 1024 } };
    static const struct {
        uint8_t len, write_size, erased;
        bool is_wrapped;
    } ways[] = { { 16, 4, 0xff, false },
                 { 32, 8, 0x00, false },
                 { 32, 16, 0xff, false },
                 { 16, 8, 0xff, true },
                 { 32, 32, 0x00, true } };
    char name[64];

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (!is_worth_it(strategy, ways[i].write_size, ways[i].erased)) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%-14s AES-%u%-7s %2u  %02x", strategy_name(strategy),
                       ways[i].len * 8u, ways[i].is_wrapped ? " wrapped" : "", ways[i].write_size,
                       ways[i].erased);
        for (size_t j = 0; j < 3 * 3 * 2; j++) {
            struct story_spec spec = spec_of(strategy, ways[i].write_size, ways[i].erased,
                                             &small[j % 3], crypt_sizes[j / 3 % 3]);

            spec.crypt_len = ways[i].len;
            spec.keeps_wrapped_keys = ways[i].is_wrapped;
            spec.is_permanent = j >= 9;
            spec.is_confirmed = j % 2 == 1;
            add_twice(plan, spec, SINGLES, name);
        }
    }
}

static void make_plan(struct plan *plan, const enum story_strategy *strategies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof write_sizes; j++) {
            for (size_t k = 0; k < sizeof erased_values; k++) {
                if (is_worth_it(strategies[i], write_sizes[j], erased_values[k])) {
                    plan_singles(plan, strategies[i], write_sizes[j], erased_values[k]);
                }
            }
        }
        plan_pairs(plan, strategies[i]);
        plan_special(plan, strategies[i]);
        plan_encrypted(plan, strategies[i]);
        plan_encrypted_pairs(plan, strategies[i]);
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
            story_every_pair(story, stage, PAIR_TEARS);
        } else {
            story_every_cut(story, stage, TEARS);
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

static void print_row(const char *name, const struct row *row)
{
    (void)printf("%-38s %5u %9llu %9llu %10llu %9.0f %8llu %7.1f\n", name, row->cases,
                 (unsigned long long)row->tally.cuts, (unsigned long long)row->tally.paths,
                 (unsigned long long)row->tally.boots,
                 row->seconds > 0 ? (double)row->tally.cuts / row->seconds : 0.0,
                 (unsigned long long)row->tally.failures, row->seconds);
}

static uint64_t print_table(const struct plan *plan, const struct shared *shared, double wall)
{
    struct row total = { .name = "" };

    (void)printf("%zu layouts (3 to 20 sectors) x %zu pairs of image sizes; test, permanent, "
                 "confirmed; %u tears an operation, erases also stopped at "
                 "trailer fields; plain and sticky cells; random chains from seed %llu\n",
                 sizeof layouts / sizeof layouts[0], sizeof sizes / sizeof sizes[0], TEARS,
                 (unsigned long long)plan->seed);
    (void)printf("%-14s %-14s %4s %3s %7s %9s %9s %10s %9s %8s %7s\n", "strategy", "what", "unit",
                 "er", "devices", "cuts", "runs", "boots", "cuts/s", "failures", "cpu s");
    for (size_t i = 0; i < plan->row_count; i++) {
        struct row row = { .name = "" };

        for (size_t j = 0; j < WORKERS; j++) {
            row.cases += shared->rows[j][i].cases;
            row.seconds += shared->rows[j][i].seconds;
            add_tally(&row.tally, &shared->rows[j][i].tally);
        }
        print_row(plan->row_names[i], &row);
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

static int run_all(struct plan *plan)
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
    failures = print_table(plan, shared, wall_seconds() - begin);
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
        { NULL, 0, NULL, 0 },
    };
    static struct plan plan = { .chains = CHAINS_PER_STORY, .seed = 1 };
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
        default:
            (void)fprintf(stderr,
                          "usage: %s [--replay SPEC | [--only ROW] [--chains N] [--seed S]]\n",
                          program_invocation_short_name);
            return 2;
        }
    }
    make_plan(&plan, strategies, count);
    return run_all(&plan);
}
