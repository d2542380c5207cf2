/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The slot that an image is made for. */
#include <stdlib.h>

#include "board.h"
#include "sign_job.h"
#include "sim_keys.h"

#define SLOT_MAX    0xffffffffu
#define MAX_SECTORS 65536u

/* The slot that updates are uploaded to, as the board's bootloader knows it. */
static int take_board(struct sign_job *job, struct dfu_board *board)
{
    struct dfu_slot_map *map = &board->map;
    const struct dfu_slot_pair *pair = &map->images[0];
    const struct dfu_area *area = pair->secondary ? pair->secondary : pair->primary;

    sim_keys_make_room(cli_has(job->cli, O_ENCRYPT), map);
    job->largest = dfu_slot_max_image(map, 0);
    if (job->largest == 0) {
        return cli_fail(job->cli, CLI_USAGE,
                        "board %s has no slots that can be upgraded as it is set up: %s",
                        board->name, dfu_slot_fit_text(dfu_slot_compatible(map, 0)));
    }
    job->slot = (struct dfu_image_slot){
        .size = area->size,
        .max_sectors = map->max_sectors,
        .align = area->write_size,
        .max_align = map->max_align,
        .erased = area->erased,
        .is_overwrite_only = map->mode == DFU_MODE_OVERWRITE,
    };
    return CLI_DONE;
}

static int load_board(struct sign_job *job)
{
    struct cli *cli = job->cli;
    struct dfu_board *board;
    char why[256];
    int exit_code;

    job->slot = (struct dfu_image_slot){ .align = 1, .erased = 0xff };
    if (!cli_has(cli, O_BOARD)) {
        return CLI_DONE;
    }
    board = malloc(sizeof(*board));
    if (!board) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (dfu_board_load(board, cli_value(cli, O_BOARD), why, sizeof(why))) {
        free(board);
        return cli_fail(cli, CLI_USAGE, "%s", why);
    }
    exit_code = take_board(job, board);
    dfu_board_free(board);
    free(board);
    return exit_code;
}

/* What was said on the command line wins over the board. */
int sign_take_slot(struct sign_job *job)
{
    static const char *const aligns[] = { "1", "2", "4", "8", "16", "32", NULL };
    static const char *const max_aligns[] = { "8", "16", "32", NULL };
    static const char *const erased[] = { "0xff", "0", NULL };
    struct cli *cli = job->cli;
    struct dfu_image_slot *slot = &job->slot;
    size_t align = 0, max_align = 0, value = 0;
    int exit_code = load_board(job);

    if (!exit_code) {
        exit_code = sign_take_number(job, O_SLOT_SIZE, 0, SLOT_MAX, &slot->size);
    }
    if (!exit_code && (cli_has(cli, O_MAX_SECTORS) || !cli_has(cli, O_BOARD))) {
        exit_code = sign_take_number(job, O_MAX_SECTORS, 0, MAX_SECTORS, &slot->max_sectors);
    }
    if (!exit_code) {
        exit_code = cli_choice(cli, O_ALIGN, aligns, &align);
    }
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
    slot->is_overwrite_only = slot->is_overwrite_only || cli_has(cli, O_OVERWRITE);
    slot->is_big_endian = job->spec.is_big_endian;
    job->confirms = cli_has(cli, O_CONFIRM);
    job->tests = cli_has(cli, O_TEST);
    job->pads = job->confirms || job->tests || cli_has(cli, O_PAD);
    return exit_code;
}
