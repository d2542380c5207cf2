/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu history: what became of the last updates, from a device or from a dump of its flash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "extras.h"
#include "history.h"
#include "rehearsal.h"

enum { OPT_FLASH = 1, OPT_BOARD };

#define FLASH_MAX (1u << 30)

static const struct cli_option options[] = {
    { "flash", 'f', "DUMP", 1, "read the flash of a device, as dfu sim keeps it", NULL, OPT_FLASH },
    { "board", 'b', "BOARD", 1, "its board; with --flash", NULL, OPT_BOARD },
    { 0 },
};

static const char *const examples[] = {
    "# What became of the updates of a device",
    "dfu -d udp:localhost history",
    "# The same from a copy of its flash",
    "dfu history -f flash.bin -b nrf52840dk",
    NULL,
};

static int show(struct cli *cli, const struct history *history)
{
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddItemToObject(json, "history", history_json(history));
        return cli_json_print(cli, json);
    }
    history_print(history);
    return CLI_DONE;
}

/* ---- A device ---- */

static int ask(struct device *dev, uint32_t skip, struct dfu_client_history *part)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_history(&call, skip, dev->out, sizeof dev->out);
    int code = device_try(dev, &call, len, DEVICE_QUICK, "tell its history");

    if (code == CLI_REFUSED) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "the device keeps no history of updates, or its application does not tell "
                        "it; a bootloader with --history does");
    }
    if (!code && dfu_client_history_read(&dev->answer, part)) {
        code = device_fail_broken(dev, "tell its history");
    }
    return code;
}

static int from_device(struct device *dev)
{
    struct history history = { .updates = calloc(HISTORY_MAX, sizeof *history.updates) };
    struct dfu_client_history part = { .has_more = true };
    int code = CLI_DONE;

    if (!history.updates) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    while (!code && part.has_more && history.count + DFU_CLIENT_UPDATES_MAX <= HISTORY_MAX) {
        code = ask(dev, (uint32_t)history.count, &part);
        if (!code) {
            memcpy(history.updates + history.count, part.updates,
                   part.count * sizeof part.updates[0]);
            history.count += part.count;
            part.has_more = part.has_more && part.count > 0;
        }
    }
    if (!code) {
        code = show(dev->cli, &history);
    }
    history_free(&history);
    return code;
}

/* ---- A dump ---- */

static int from_flash(struct cli *cli, struct dfu_board *board)
{
    static const struct dfu_image_policy none = { 0 };
    struct rehearsal *r = malloc(sizeof *r);
    struct extras extras = { 0 };
    struct history history = { 0 };
    uint8_t *data = NULL;
    size_t len = 0;
    int code;

    if (!r || !rehearsal_init(r, board, &boot_modes[0], &none)) {
        free(r);
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    code = cli_read_file(cli, cli_value(cli, OPT_FLASH), FLASH_MAX, &data, &len);
    if (!code && len != r->size) {
        code = cli_fail(cli, CLI_USAGE,
                        "%s has %zu bytes, but the flash of board %s has %zu; name another file "
                        "or board",
                        cli_value(cli, OPT_FLASH), len, board->name, r->size);
    }
    if (!code) {
        memcpy(r->mem, data, len);
        rehearsal_adopt(r);
        code = extras_divide(cli, board, &extras);
    }
    if (!code) {
        code = history_from_area(cli, &extras.history_area, HISTORY_MAX, &history);
    }
    if (!code) {
        code = show(cli, &history);
    }
    history_free(&history);
    free(data);
    rehearsal_free(r);
    free(r);
    return code;
}

static int history_run(struct cli *cli)
{
    struct dfu_board *board;
    char why[256];
    int code;

    if (!cli_has(cli, OPT_FLASH) && (!cli->target || !cli->target[0])) {
        return cli_fail(cli, CLI_USAGE,
                        "whose history? name a device as -d TARGET, or a flash dump as --flash "
                        "FILE --board BOARD");
    }
    if (!cli_has(cli, OPT_FLASH)) {
        return device_with(cli, from_device);
    }
    if (!cli_has(cli, OPT_BOARD)) {
        return cli_fail(cli, CLI_USAGE,
                        "where the history lies depends on the board; name it as --board BOARD");
    }
    board = calloc(1, sizeof *board);
    if (!board) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (dfu_board_load(board, cli_value(cli, OPT_BOARD), why, sizeof why)) {
        code = cli_fail(cli, CLI_USAGE, "%s", why);
    } else {
        code = from_flash(cli, board);
        dfu_board_free(board);
    }
    free(board);
    return code;
}

const struct cli_command cmd_history = {
    .name = "history",
    .summary = "Tell what became of the last updates, and why",
    .details = "The bootloader writes down each update: from, to, result, reason, the newest\n"
               "first (docs/HISTORY.md). A virtual device does so with dfu sim --history.",
    .options = options,
    .examples = examples,
    .run = history_run,
};
