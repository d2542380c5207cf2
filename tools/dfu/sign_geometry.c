/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The slots as the bootloader knows them: from a board, or from a list of sectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "boot_modes.h"
#include "sign_job.h"
#include "sim_keys.h"

#define SECTOR_MAX 0x1000000u
#define COUNT_MAX  65535u

int sign_take_board(struct sign_job *job)
{
    struct sign_geometry *g = &job->geometry;
    struct cli *cli = job->cli;
    struct dfu_board *board;
    char why[256];

    if (!cli_has(cli, O_BOARD)) {
        return CLI_DONE;
    }
    if (cli_has(cli, O_SECTORS)) {
        return cli_fail(cli, CLI_USAGE,
                        "--board and --sectors exclude each other: a board has its sectors");
    }
    board = malloc(sizeof(*board));
    if (!board) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (dfu_board_load(board, cli_value(cli, O_BOARD), why, sizeof(why))) {
        free(board);
        return cli_fail(cli, CLI_USAGE, "%s", why);
    }
    g->board = board;
    g->map = board->map;
    sim_keys_make_room(cli_has(cli, O_ENCRYPT), &g->map);
    g->scratch = dfu_board_area(board, "scratch_partition");
    snprintf(g->name, sizeof(g->name), "the bootloader of board %s", board->name);
    job->slot.align = board->map.images[0].primary->write_size;
    job->slot.max_align = board->map.max_align;
    job->slot.max_sectors = board->map.max_sectors;
    job->slot.erased = board->map.images[0].primary->erased;
    return CLI_DONE;
}

void sign_free_geometry(struct sign_job *job)
{
    if (job->geometry.board) {
        dfu_board_free(job->geometry.board);
        free(job->geometry.board);
        job->geometry.board = NULL;
    }
}

static int fail_sectors(struct sign_job *job, const char *text)
{
    return cli_fail(job->cli, CLI_USAGE,
                    "--sectors %s is no list of sectors at '%s'; write COUNTxSIZE[,COUNTxSIZE...] "
                    "for a slot, as in 118x4K, and SLOT0/SLOT1 or SLOT0/SLOT1/SCRATCH where they "
                    "differ",
                    cli_value(job->cli, O_SECTORS), text);
}

/* A decimal number, followed by K or M or neither; 0: none. */
static uint32_t take_count(const char **text, uint32_t max, bool has_unit)
{
    char *end;
    unsigned long value = **text >= '0' && **text <= '9' ? strtoul(*text, &end, 0) : 0;

    if (value == 0 || value > max) {
        return 0;
    }
    if (has_unit && (*end == 'K' || *end == 'k')) {
        value <<= 10;
        end++;
    } else if (has_unit && *end == 'M') {
        value <<= 20;
        end++;
    }
    *text = end;
    return value <= max ? (uint32_t)value : 0;
}

/* "4x16K,1x64K" into one area; *text then stands at its end. */
static int take_area(struct sign_job *job, unsigned n, const char **text)
{
    struct sign_geometry *g = &job->geometry;
    struct dfu_area *area = &g->areas[n];
    uint64_t size = 0;

    *area = (struct dfu_area){
        .ops = &dfu_board_unattached,
        .runs = g->runs[n],
        .write_size = job->slot.align,
        .erased = job->slot.erased,
        .base = n ? g->areas[n - 1].base + g->areas[n - 1].size : 0,
    };
    do {
        struct dfu_sector_run *run = &g->runs[n][area->run_count];

        *text += area->run_count > 0;
        if (area->run_count == SIGN_RUNS_MAX) {
            return fail_sectors(job, *text);
        }
        run->count = take_count(text, COUNT_MAX, false);
        if (run->count == 0 || **text != 'x') {
            return fail_sectors(job, *text);
        }
        *text += 1;
        run->size = take_count(text, SECTOR_MAX, true);
        if (run->size == 0) {
            return fail_sectors(job, *text);
        }
        size += (uint64_t)run->count * run->size;
        area->run_count++;
    } while (**text == ',');
    area->size = (uint32_t)size;
    return size < UINT32_MAX / 4 ? CLI_DONE : fail_sectors(job, "more than 1 GiB");
}

static int take_sectors(struct sign_job *job)
{
    struct sign_geometry *g = &job->geometry;
    const char *text = cli_value(job->cli, O_SECTORS);
    unsigned count = 0;
    uint32_t sectors;
    int exit_code;

    do {
        text += count > 0;
        exit_code = count < 3 ? take_area(job, count, &text) : fail_sectors(job, text);
        count++;
    } while (!exit_code && *text == '/');
    if (exit_code || *text) {
        return exit_code ? exit_code : fail_sectors(job, text);
    }
    if (count == 1) {
        g->areas[1] = g->areas[0];
        g->areas[1].base = g->areas[0].size;
    }
    sectors = dfu_area_sector_count(&g->areas[0]);
    g->scratch = count == 3 ? &g->areas[2] : NULL;
    g->map = (struct dfu_slot_map){
        .mode = g->scratch ? DFU_MODE_SWAP_SCRATCH : DFU_MODE_SWAP_MOVE,
        .max_align = job->slot.max_align,
        .max_sectors = (uint16_t)(sectors < COUNT_MAX ? sectors : COUNT_MAX),
        .image_count = 1,
        .images = { { &g->areas[0], &g->areas[1] } },
        .scratch = g->scratch,
    };
    snprintf(g->name, sizeof(g->name), "a bootloader for these sectors");
    return CLI_DONE;
}

/* The alignments that were said hold for a board, too. */
static int take_mode(struct sign_job *job)
{
    struct sign_geometry *g = &job->geometry;
    const struct boot_mode *mode;
    const char *why = NULL;

    g->map.max_align = job->slot.max_align;
    g->map.max_sectors = (uint16_t)job->slot.max_sectors;
    mode = cli_has(job->cli, O_MODE)        ? boot_mode_named(job->cli, O_MODE)
           : cli_has(job->cli, O_OVERWRITE) ? boot_mode_of(DFU_MODE_OVERWRITE)
                                            : NULL;
    if (!mode && cli_has(job->cli, O_MODE)) {
        return CLI_USAGE;
    }
    if (mode ? boot_mode_apply(mode, &g->map, g->scratch, &why)
             : dfu_slot_map_check(&g->map, &why)) {
        return cli_fail(job->cli, CLI_USAGE,
                        "%s cannot upgrade in this mode: %s; choose another with --mode", g->name,
                        why ? why : "its slots do not fit together");
    }
    if (dfu_slot_max_image(&g->map, 0) == 0) {
        return cli_fail(job->cli, CLI_USAGE,
                        "%s has no slots that can be upgraded in this mode: %s; choose another "
                        "with --mode",
                        g->name, dfu_slot_fit_text(dfu_slot_compatible(&g->map, 0)));
    }
    return CLI_DONE;
}

int sign_take_geometry(struct sign_job *job)
{
    struct sign_geometry *g = &job->geometry;
    struct cli *cli = job->cli;
    const struct dfu_slot_pair *pair = &g->map.images[0];
    int exit_code = cli_has(cli, O_SECTORS) ? take_sectors(job) : CLI_DONE;

    g->is_known = cli_has(cli, O_SECTORS) || cli_has(cli, O_BOARD);
    if (!exit_code && !g->is_known && cli_has(cli, O_MODE)) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "--mode needs the slots' sectors; name a --board, or "
                             "give them with --sectors");
    }
    if (exit_code || !g->is_known) {
        return exit_code;
    }
    if (!cli_has(cli, O_MAX_SECTORS)) {
        job->slot.max_sectors = g->map.max_sectors;
    }
    exit_code = take_mode(job);
    if (!exit_code && !cli_has(cli, O_SLOT_SIZE)) {
        job->slot.size = pair->secondary ? pair->secondary->size : pair->primary->size;
    }
    job->slot.is_overwrite_only = g->map.mode == DFU_MODE_OVERWRITE;
    return exit_code;
}
