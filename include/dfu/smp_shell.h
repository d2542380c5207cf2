/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_shell.h - SMP group 9: run a command of the application's and answer what it prints.
 *
 * The words of a request are joined by blanks to one line, which is then cut at blanks again;
 * "double" and 'single' quotes keep blanks. There are no other operators. The command "help"
 * lists what there is. */
#ifndef DFU_SMP_SHELL_H
#define DFU_SMP_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct dfu_smp_group dfu_smp_group_shell;

enum dfu_smp_shell_id { DFU_SMP_SHELL_EXEC = 0 };

#define DFU_SHELL_WORDS_MAX       16
#define DFU_SHELL_NO_SUCH_COMMAND (-8) /* "ret" of a line whose first words name no command */

/* Where a command prints to. What does not fit is cut. */
struct dfu_shell_output {
    char *buf;
    size_t cap, len;
};

/* Text up to its NUL, or a number in decimal, behind what is there. */
void dfu_shell_print(struct dfu_shell_output *out, const char *text);
void dfu_shell_print_number(struct dfu_shell_output *out, int64_t value);

/* Constant. A name may be of several words ("kernel version"); the longest that fits is run.
 * words are those after the name, without quotes. */
struct dfu_shell_command {
    const char *name;
    const char *help; /* one line */
    int (*run)(void *ctx, struct dfu_shell_output *out, int word_count, const char *const *words);
};

/* The ctx of the binding. Buffers are the caller's; line_cap counts the NUL. */
struct dfu_smp_shell {
    const struct dfu_shell_command *commands;
    size_t command_count;
    void *ctx; /* for run */
    char *line;
    size_t line_cap;
    char *output;
    size_t output_cap;
    bool legacy_rc; /* the result is named "rc", the only name that the Go tool knows */
};

#ifdef __cplusplus
}
#endif
#endif
