/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "pool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 2

/* Shared by the processes: who takes the next job, and each one's own rows. */
struct shared {
    size_t next;
    struct pool_row rows[WORKERS][POOL_ROWS_MAX];
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double pool_cpu_seconds(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

bool pool_options_read(int argc, char **argv, struct pool_options *options)
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
    int name;

    *options = (struct pool_options){ .seed = 1 };
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'r': options->replay = optarg; break;
        case 'o': options->only = optarg; break;
        case 'c':
            options->chains = (unsigned)strtoul(optarg, NULL, 10);
            options->only_chains = true;
            break;
        case 's': options->seed = strtoull(optarg, NULL, 10); break;
        case 't': options->as_table = true; break;
        case 'f': options->is_full = true; break;
        default:
            (void)fprintf(
                stderr,
                "usage: %s [--replay SPEC | [--only ROW] [--chains N] [--seed S] [--full] "
                "[--table]]\n",
                program_invocation_short_name);
            return false;
        }
    }
    return true;
}

/* ---- Rows ---- */

char *pool_row_name(const struct pool_row *row, char *out, size_t size)
{
    (void)snprintf(out, size, "%-14s %-18s %2u  %02x  %s", row->strategy, row->what,
                   row->write_size, row->erased, row->encryption);
    return out;
}

bool pool_wants(const struct pool_options *options, const struct pool_row *row)
{
    char name[128];

    return !options->only || strstr(pool_row_name(row, name, sizeof name), options->only);
}

size_t pool_add_row(struct pool *pool, const struct pool_row *row)
{
    if (pool->row_count == POOL_ROWS_MAX) {
        (void)fprintf(stderr, "power: too many rows\n");
        exit(2);
    }
    pool->rows[pool->row_count] = *row;
    return pool->row_count++;
}

static void add_found(struct pool_found *to, const struct pool_found *from)
{
    to->cases += from->cases;
    to->cuts += from->cuts;
    to->runs += from->runs;
    to->boots += from->boots;
    to->failures += from->failures;
    to->seconds += from->seconds;
}

/* ---- Doing it ---- */

static void work(const struct pool *pool, struct shared *shared, size_t worker)
{
    size_t job;

    while ((job = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED)) < pool->job_count) {
        pool->run(job, shared->rows[worker], pool->ctx);
    }
}

static bool work_all(const struct pool *pool, struct shared *shared)
{
    pid_t pids[WORKERS];
    bool is_fine = true;

    (void)fflush(stdout);
    for (size_t i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(pool, shared, i);
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

static void print_plain(const char *name, const struct pool_found *found)
{
    (void)printf("%-54s %5u %9llu %9llu %10llu %9.0f %8llu %7.1f\n", name, found->cases,
                 (unsigned long long)found->cuts, (unsigned long long)found->runs,
                 (unsigned long long)found->boots,
                 found->seconds > 0 ? (double)found->cuts / found->seconds : 0.0,
                 (unsigned long long)found->failures, found->seconds);
}

static void print_markdown(const struct pool_row *row)
{
    (void)printf("| %s | %s | %u | %02x | %s | %u | %s | %u | %u | %llu | %llu | %llu | %.1f |\n",
                 row->strategy, row->what, row->write_size, row->erased, row->sectors,
                 row->size_pairs, row->encryption, row->images, row->found.cases,
                 (unsigned long long)row->found.cuts, (unsigned long long)row->found.runs,
                 (unsigned long long)row->found.failures, row->found.seconds);
}

static void print_head(bool as_table)
{
    if (as_table) {
        (void)printf(
            "| strategy | what | unit | erased | sectors | size pairs | encryption | images "
            "| cases | cuts | runs judged | failures | cpu s |\n"
            "|---|---|--:|---|---|--:|---|--:|--:|--:|--:|--:|--:|\n");
    } else {
        (void)printf("%-14s %-18s %s  %s  %-14s %5s %9s %9s %10s %9s %8s %7s\n", "strategy", "what",
                     "unit", "er", "encryption", "cases", "cuts", "runs", "boots", "cuts/s",
                     "failures", "cpu s");
    }
}

static void print_row(const struct pool_row *row, bool as_table)
{
    char name[128];

    if (row->found.cases == 0 && row->found.failures == 0) {
        return;
    }
    if (as_table) {
        print_markdown(row);
    } else {
        print_plain(pool_row_name(row, name, sizeof name), &row->found);
    }
}

static struct pool_found tell(struct pool *pool, const struct shared *shared,
                              const struct pool_options *options)
{
    struct pool_found total = { 0 };

    if (!options->as_table) {
        (void)printf("random chains from seed %llu\n", (unsigned long long)options->seed);
    }
    print_head(options->as_table);
    for (size_t i = 0; i < pool->row_count; i++) {
        for (size_t worker = 0; worker < WORKERS; worker++) {
            add_found(&pool->rows[i].found, &shared->rows[worker][i].found);
        }
        add_found(&total, &pool->rows[i].found);
        print_row(&pool->rows[i], options->as_table);
    }
    if (!options->as_table) {
        print_plain("total", &total);
    }
    return total;
}

int pool_run(struct pool *pool, const struct pool_options *options)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double begin = seconds_of(CLOCK_MONOTONIC);
    struct pool_found total;
    bool is_fine;

    if (shared == MAP_FAILED) {
        return 2;
    }
    is_fine = work_all(pool, shared);
    total = tell(pool, shared, options);
    if (!options->as_table) {
        (void)printf("%.1f s on %d processes\n", seconds_of(CLOCK_MONOTONIC) - begin, WORKERS);
    }
    if (total.cuts == 0) {
        (void)printf("FAILED: nothing was cut\n");
    }
    if (!is_fine) {
        (void)printf("FAILED: a process ended early\n");
    }
    return total.failures == 0 && total.cuts > 0 && is_fine ? 0 : 1;
}
