/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The slot that an image is made for. */
#include "sign_job.h"

#define SLOT_MAX    0xffffffffu
#define MAX_SECTORS 65536u

static int take_sizes(struct sign_job *job)
{
    struct cli *cli = job->cli;
    int exit_code = sign_take_number(job, O_SLOT_SIZE, 0, SLOT_MAX, &job->slot.size);

    if (!exit_code && (cli_has(cli, O_MAX_SECTORS) || !cli_has(cli, O_BOARD))) {
        exit_code = sign_take_number(job, O_MAX_SECTORS, 0, MAX_SECTORS, &job->slot.max_sectors);
    }
    return exit_code;
}

static int take_aligns(struct sign_job *job)
{
    static const char *const aligns[] = { "1", "2", "4", "8", "16", "32", NULL };
    static const char *const max_aligns[] = { "8", "16", "32", NULL };
    static const char *const erased[] = { "0xff", "0", NULL };
    struct cli *cli = job->cli;
    struct dfu_image_slot *slot = &job->slot;
    size_t align = 0, max_align = 0, value = 0;
    int exit_code = cli_choice(cli, O_ALIGN, aligns, &align);

    if (!exit_code) {
        exit_code = cli_choice(cli, O_MAX_ALIGN, max_aligns, &max_align);
    }
    if (!exit_code) {
        exit_code = cli_choice(cli, O_ERASED, erased, &value);
    }
    if (cli_has(cli, O_ALIGN)) {
        slot->align = (uint8_t)(1u << align);
    }
    if (cli_has(cli, O_MAX_ALIGN)) {
        slot->max_align = (uint8_t)(8u << max_align);
    } else if (slot->max_align < slot->align || slot->max_align < 8) {
        slot->max_align = slot->align > 8 ? slot->align : 8;
    }
    if (cli_has(cli, O_ERASED)) {
        slot->erased = value == 0 ? 0xff : 0;
    }
    return exit_code;
}

/* What was said on the command line wins over the board. */
int sign_take_slot(struct sign_job *job)
{
    static int (*const steps[])(struct sign_job *) = { sign_take_board, take_sizes, take_aligns,
                                                       sign_take_geometry };
    struct cli *cli = job->cli;
    int exit_code = CLI_DONE;

    job->slot = (struct dfu_image_slot){ .align = 1, .erased = 0xff };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !exit_code; i++) {
        exit_code = steps[i](job);
    }
    job->slot.is_overwrite_only = job->slot.is_overwrite_only || cli_has(cli, O_OVERWRITE);
    job->slot.is_big_endian = job->spec.is_big_endian;
    job->confirms = cli_has(cli, O_CONFIRM);
    job->tests = cli_has(cli, O_TEST);
    job->pads = job->confirms || job->tests || cli_has(cli, O_PAD);
    return exit_code;
}
