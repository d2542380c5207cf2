/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "extras.h"

#include <inttypes.h>
#include <stdio.h>

#include "dfu/sim_flash.h"

#define KEPT_SECTORS 2u
#define KINDS        3u

static void cut_out(const struct dfu_area *storage, uint32_t first, uint32_t count,
                    struct dfu_sector_run *run, const char *label, struct dfu_area *out)
{
    uint32_t size = storage->runs[0].size;

    *run = (struct dfu_sector_run){ size, count };
    *out = *storage;
    out->label = label;
    out->base += first * size;
    out->size = count * size;
    out->runs = run;
    out->run_count = 1;
}

int extras_divide(struct cli *cli, const struct dfu_board *board, struct extras *out)
{
    const struct dfu_area *storage = board->storage;
    uint32_t sectors = storage ? dfu_area_sector_count(storage) : 0;
    uint32_t at = sectors - KINDS * KEPT_SECTORS;

    if (sectors < (KINDS + 1) * KEPT_SECTORS || storage->run_count != 1) {
        return cli_fail(cli, CLI_USAGE,
                        "the bootloader's records need a storage_partition of %u equal sectors, "
                        "which board %s does not have; leave out the options that keep records",
                        (KINDS + 1) * KEPT_SECTORS, board->name);
    }
    cut_out(storage, 0, at, &out->runs[0], "settings", &out->settings);
    cut_out(storage, at, KEPT_SECTORS, &out->runs[1], "revoked", &out->revoked_area);
    cut_out(storage, at + KEPT_SECTORS, KEPT_SECTORS, &out->runs[2], "attempts",
            &out->attempts_area);
    cut_out(storage, at + 2 * KEPT_SECTORS, KEPT_SECTORS, &out->runs[3], "history",
            &out->history_area);
    out->is_divided = true;
    return CLI_DONE;
}

int extras_take_boots(struct cli *cli, const struct dfu_board *board, struct extras *extras)
{
    const struct dfu_area *storage = extras->is_divided ? &extras->settings : board->storage;
    uint32_t sectors = storage ? dfu_area_sector_count(storage) : 0;
    struct dfu_area whole;

    if (sectors < 2 * KEPT_SECTORS || storage->run_count != 1) {
        return cli_fail(cli, CLI_USAGE,
                        "roles need %u more sectors of storage_partition for the count of starts, "
                        "which board %s does not have; leave out --auth, or options that keep "
                        "records",
                        KEPT_SECTORS, board->name);
    }
    whole = *storage;
    whole.runs = &(const struct dfu_sector_run){ storage->runs[0].size, sectors };
    cut_out(&whole, sectors - KEPT_SECTORS, KEPT_SECTORS, &extras->runs[4], "boots",
            &extras->boots_area);
    cut_out(&whole, 0, sectors - KEPT_SECTORS, &extras->runs[0], "settings", &extras->settings);
    extras->is_divided = true;
    return CLI_DONE;
}

/* ---- Progress ---- */

static struct dfu_flash_times times_of(const struct dfu_area *area)
{
    const struct dfu_sim_flash *flash = area ? area->ctx : NULL;
    const struct dfu_sim_timing *t = flash ? flash->timing : NULL;

    return t ? (struct dfu_flash_times){ t->erase_sector_us, t->sector_size, t->program_us,
                                         t->program_size }
             : (struct dfu_flash_times){ 0 };
}

/* A line a tenth. */
static void tell(void *ctx, const struct dfu_boot_progress *p)
{
    struct extras *extras = ctx;
    unsigned tenth = p->total > 0 ? (unsigned)((uint64_t)p->done * 10 / p->total) : 10;

    if (tenth != extras->told) {
        extras->told = tenth;
        printf("sim: image %u: %u %% of %.1f KiB written, about %.1f s left\n", p->image,
               tenth * 10, (double)p->total / 1024, (double)p->ms_left / 1000);
    }
}

static void take_progress(const struct dfu_board *board, struct extras *extras)
{
    const struct dfu_slot_pair *pair = &board->map.images[0];

    extras->meter = (struct dfu_boot_progress){
        .rules = &dfu_boot_progress_rules,
        .report = tell,
        .ctx = extras,
        .primary = times_of(pair->primary),
        .secondary = times_of(pair->secondary),
    };
}

/* What only some modes have; an option that does nothing must not look as if it did. */
static int check_mode(struct cli *cli, enum dfu_boot_mode mode, bool counts)
{
    bool swaps =
        mode == DFU_MODE_SWAP_SCRATCH || mode == DFU_MODE_SWAP_MOVE || mode == DFU_MODE_SWAP_OFFSET;

    if (counts && !swaps) {
        return cli_fail(cli, CLI_USAGE,
                        "--attempts counts the starts of an image that was swapped in for a test, "
                        "and this mode swaps none; leave it out, or choose --mode move");
    }
    if (cli_has(cli, EXTRAS_HISTORY) && !swaps && mode != DFU_MODE_OVERWRITE) {
        return cli_fail(cli, CLI_USAGE,
                        "--history tells of images that the bootloader brings into slot 0, and in "
                        "this mode it brings none; leave it out, or choose --mode move");
    }
    return CLI_DONE;
}

int extras_take(struct cli *cli, const struct dfu_board *board, struct extras *extras,
                struct dfu_boot_config *cfg)
{
    uint64_t attempts = 1;
    int code = cli_number(cli, EXTRAS_ATTEMPTS, 1, 100, &attempts);
    bool keeps = attempts > 1 || cli_has(cli, EXTRAS_HISTORY) || cli_has(cli, EXTRAS_REVOCATION);

    if (!code) {
        code = check_mode(cli, board->map.mode, attempts > 1);
    }
    if (!code && keeps) {
        code = extras_divide(cli, board, extras);
    }
    if (code) {
        return code;
    }
    cfg->skip = cli_has(cli, EXTRAS_SKIP) ? &dfu_boot_skip_equal : NULL;
    extras->attempts = (struct dfu_boot_attempts){ &dfu_boot_attempts_rules, &extras->attempts_area,
                                                   (uint8_t)attempts };
    cfg->attempts = attempts > 1 ? &extras->attempts : NULL;
    extras->history = (struct dfu_boot_history){ &dfu_boot_history_rules, &extras->history_area };
    cfg->history = cli_has(cli, EXTRAS_HISTORY) ? &extras->history : NULL;
    extras->revocation =
        (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, &extras->revoked_area };
    take_progress(board, extras);
    cfg->progress = cli_has(cli, EXTRAS_PROGRESS) ? &extras->meter : NULL;
    cfg->revocation = cli_has(cli, EXTRAS_REVOCATION) ? &extras->revocation : NULL;
    return CLI_DONE;
}
