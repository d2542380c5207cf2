/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* swap-vectors: our bootloader against recordings of MCUboot.
 *
 *   swap-vectors [DIR] [--case ID [--step N] [--cut K]]
 *
 * Runs every *.jsonl.gz of DIR on two processes, prints one line a file and ends with
 * "N passed, N failed", cases counted. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jsonl.h"
#include "run.h"

#define WORKERS 2

struct options {
    const char *dir, *only_case;
    int only_step, only_cut;
};

struct file_run {
    cJSON **values;
    size_t count;
    bool is_geometry;
    const struct options *options;
    char rerun[512];
};

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void read_all(const char *path, struct file_run *file)
{
    struct jsonl *in = jsonl_open(path);
    size_t cap = 0;
    cJSON *value;

    if (!in) {
        report_fatal("%s cannot be read", path);
    }
    while ((value = jsonl_next(in)) != NULL) {
        if (file->count == cap) {
            cap = cap * 2 + 64;
            file->values = realloc(file->values, cap * sizeof(cJSON *));
            if (!file->values) {
                report_fatal("out of memory");
            }
        }
        file->values[file->count++] = value;
    }
    jsonl_close(in);
}

static bool is_wanted(const struct file_run *file, size_t index)
{
    const char *only = file->options->only_case;
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(file->values[index], "id");

    return !only || (id && strcmp(id->valuestring, only) == 0);
}

static void run_share(const struct file_run *file, size_t worker, struct tally *tally, FILE *out)
{
    struct report report = { .tally = tally,
                             .out = out,
                             .rerun = file->rerun,
                             .is_verbose = file->options->only_case != NULL };
    struct swap_case c;

    for (size_t i = worker; i < file->count; i += WORKERS) {
        if (!is_wanted(file, i)) {
            continue;
        }
        if (file->is_geometry) {
            run_geometry_row(file->values[i], (unsigned)i + 1, &report);
        } else if (!case_unknown_mode(file->values[i])) {
            case_open(&c, file->values[i]);
            run_case(&c, &report, file->options->only_step, file->options->only_cut);
            case_close(&c);
        }
    }
}

/* Two processes; each writes its sentences to a file of its own, shown when both are done. */
static bool run_shared(const struct file_run *file, struct tally *tallies)
{
    FILE *out[WORKERS];
    pid_t pids[WORKERS];
    bool is_fine = true;
    char line[1024];

    (void)fflush(stdout);
    for (size_t i = 0; i < WORKERS; i++) {
        out[i] = tmpfile();
        pids[i] = out[i] ? fork() : -1;
        if (pids[i] < 0) {
            report_fatal("no second process");
        }
        if (pids[i] == 0) {
            run_share(file, i, &tallies[i], out[i]);
            (void)fflush(out[i]);
            _exit(0);
        }
    }
    for (size_t i = 0; i < WORKERS; i++) {
        int status = 0;

        if (waitpid(pids[i], &status, 0) < 0 || status != 0) {
            is_fine = false;
        }
        rewind(out[i]);
        while (fgets(line, sizeof line, out[i])) {
            (void)fputs(line, stdout);
        }
        (void)fclose(out[i]);
    }
    return is_fine;
}

static struct tally sum(const struct tally *tallies)
{
    struct tally all = { 0 };

    for (size_t i = 0; i < WORKERS; i++) {
        all.cases += tallies[i].cases;
        all.boots += tallies[i].boots;
        all.cuts += tallies[i].cuts;
        all.pairs += tallies[i].pairs;
        all.fewer_pairs += tallies[i].fewer_pairs;
        all.more_pairs += tallies[i].more_pairs;
        all.rows += tallies[i].rows;
        all.differences += tallies[i].differences;
        all.failed_cases += tallies[i].failed_cases;
    }
    return all;
}

/* Returns how many cases cannot be run: each has failed. */
static unsigned print_unknown(const struct file_run *file)
{
    unsigned count = 0;

    for (size_t i = 0; !file->is_geometry && i < file->count; i++) {
        const char *mode = is_wanted(file, i) ? case_unknown_mode(file->values[i]) : NULL;

        if (mode) {
            (void)printf("  %s: mode %s is not known\n", json_str(file->values[i], "id"), mode);
            count++;
        }
    }
    return count;
}

static bool run_file(const char *path, const struct options *options, struct tally *total)
{
    struct file_run file = { .options = options };
    struct tally *tallies = mmap(NULL, WORKERS * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    double start = seconds();
    struct tally all;
    unsigned unknown;
    bool is_fine;

    if (tallies == MAP_FAILED) {
        report_fatal("out of memory");
    }
    file.is_geometry = strncmp(name, "geometry", strlen("geometry")) == 0;
    (void)snprintf(file.rerun, sizeof file.rerun, "%s %s", program_invocation_name, options->dir);
    read_all(path, &file);
    is_fine = run_shared(&file, tallies);
    all = sum(tallies);
    (void)printf("%-18.*s %6u %s %6u boots %6u cuts %6u pairs %4u differences %6.1f s%s\n",
                 (int)(strlen(name) - strlen(".jsonl.gz")), name, all.cases + all.rows,
                 file.is_geometry ? "rows " : "cases", all.boots, all.cuts, all.pairs,
                 all.differences, seconds() - start, is_fine ? "" : "  A WORKER FAILED");
    if (all.fewer_pairs > 0) {
        (void)printf("%-18s %6u pairs fewer than recorded, %u more\n", "", all.fewer_pairs,
                     all.more_pairs);
    }
    unknown = print_unknown(&file);
    total->cases += all.cases + all.rows + unknown;
    total->differences += all.differences + unknown;
    total->failed_cases += all.failed_cases + unknown;
    for (size_t i = 0; i < file.count; i++) {
        cJSON_Delete(file.values[i]);
    }
    free(file.values);
    (void)munmap(tallies, WORKERS * sizeof *tallies);
    return is_fine;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: swap-vectors [DIR] [--case ID [--step N] [--cut K]]\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        { "case", required_argument, NULL, 'c' },
        { "step", required_argument, NULL, 's' },
        { "cut", required_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 },
    };
    int name;

    *options = (struct options){ DFU_SOURCE_DIR "/tests/vectors/swap", NULL, -1, -1 };
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'c': options->only_case = optarg; break;
        case 's': options->only_step = atoi(optarg); break;
        case 'k': options->only_cut = atoi(optarg); break;
        default: return false;
        }
    }
    if (optind < argc) {
        options->dir = argv[optind++];
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options;
    struct tally total = { 0 };
    char pattern[1024];
    bool is_fine = true;
    glob_t files;

    if (!parse(argc, argv, &options)) {
        return usage();
    }
    (void)snprintf(pattern, sizeof pattern, "%s/*.jsonl.gz", options.dir);
    if (glob(pattern, 0, NULL, &files) != 0) {
        report_fatal("there is no *.jsonl.gz in %s", options.dir);
    }
    for (size_t i = 0; i < files.gl_pathc; i++) {
        is_fine = run_file(files.gl_pathv[i], &options, &total) && is_fine;
    }
    globfree(&files);
    if (total.cases == 0) {
        report_fatal("no case was run");
    }
    (void)printf("%u passed, %u failed\n", total.cases - total.failed_cases,
                 total.failed_cases + !is_fine);
    return total.differences == 0 && is_fine ? 0 : 1;
}
