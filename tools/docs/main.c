/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu_docs FOLDER DATE: write man pages and completions into FOLDER; the build runs it.
 * dfu_docs check: judge the examples in the tables. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "docs.h"

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void close_file(FILE *file)
{
    if (fclose(file) != 0) {
        perror("dfu_docs");
        exit(EXIT_FAILURE);
    }
}

static void write_pages(const char *folder, const char *date)
{
    char name[128];
    FILE *file = create(folder, "man1/dfu.1");

    docs_man(file, date);
    close_file(file);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        snprintf(name, sizeof(name), "man1/dfu-%s.1", (*c)->name);
        for (char *p = strchr(name, ' '); p; p = strchr(p, ' ')) {
            *p = '-';
        }
        file = create(folder, name);
        docs_man_command(file, *c, date);
        close_file(file);
    }
}

static void write_completions(const char *folder)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } shells[] = { { "dfu", docs_bash }, { "_dfu", docs_zsh }, { "dfu.fish", docs_fish } };

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        FILE *file = create(folder, shells[i].name);

        shells[i].print(file);
        close_file(file);
    }
}

int main(int argc, char **argv)
{
    char pages[4096];

    if (argc == 2 && strcmp(argv[1], "check") == 0) {
        return docs_check_examples() > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: dfu_docs FOLDER DATE | dfu_docs check\n");
        return EXIT_FAILURE;
    }
    snprintf(pages, sizeof(pages), "%s/man1", argv[1]);
    (void)mkdir(argv[1], 0777);
    (void)mkdir(pages, 0777);
    write_pages(argv[1], argv[2]);
    write_completions(argv[1]);
    return EXIT_SUCCESS;
}
