/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu explain: what the bootloader will do next, and why. Where the flash comes from; the rest is
 * in explain.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "dfu/decompress.h"
#include "dfu/update.h"
#include "explain.h"
#include "imagefile.h"

enum {
    OPT_FLASH = 1,
    OPT_BOARD,
    OPT_MODE,
    OPT_KEY,
    OPT_DECRYPT_KEY,
    OPT_RUNNING,
    OPT_NO_DOWNGRADE
};

#define FLASH_MAX     (1u << 30)
#define SHOWN_UPDATES 5u

static const struct cli_option options[] = {
    { "flash", 'f', "FILE", 1, "explain the flash of a device: all of it, as dfu sim keeps it",
      NULL, OPT_FLASH },
    { "board", 'b', "BOARD", 1, "a board of this build, or the path of a .dtb file", NULL,
      OPT_BOARD },
    { "mode", 'm', "MODE", 1, "how it upgrades, not what the board says: move, overwrite, ...",
      NULL, OPT_MODE },
    { "key", 'k', "PEM", 1, "a key that the bootloader trusts; may be given more than once", NULL,
      OPT_KEY },
    { "decrypt-key", 0, "FILE", 1,
      "the device's own key, for encrypted images; may be given more than once", NULL,
      OPT_DECRYPT_KEY },
    { "running", 'r', "IMAGE", 1, "with an image FILE: what runs in slot 0 now", NULL,
      OPT_RUNNING },
    { "no-downgrade", 0, NULL, 0, "the bootloader refuses lower versions", NULL, OPT_NO_DOWNGRADE },
    EXTRAS_OPTIONS,
    { 0 },
};

static const char *const examples[] = {
    "# What the next start of the device with this flash will do",
    "dfu explain -f flash.bin -b nrf52840dk -k root-pub.pem",
    "# What a board would do with an update",
    "dfu explain app-2.0.0.bin -b nrf52840dk -k root-pub.pem -k old-pub.pem",
    "# The same of a device that runs",
    "dfu -d udp:localhost explain",
    NULL,
};

static const char details[] =
    "Tells what the bootloader will do at the next start and which rule makes it do so, whether\n"
    "images are valid and whose key signed them, whether an image FILE fits, how long the swap\n"
    "takes on this part, and how the starts after that would go: if nobody does anything, after\n"
    "dfu image test, and after dfu image confirm. Nothing is changed: the real bootloader runs on\n"
    "a copy of the flash.\n"
    "\n"
    "In these words: a test runs the new image once, and the start after that goes back to the old\n"
    "one (a revert), unless the new image was confirmed while it ran. To confirm an image that\n"
    "does not run yet is to skip the test: it stays even if it does not work.\n"
    "\n"
    "A device tells versions and states, not bytes: signatures can be explained from FILE or DUMP\n"
    "only. The keys of the JSON form are listed in docs/EXPLAIN.md.";

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                     &dfu_sha512_openssl, NULL };

/* ---- What all sources need ---- */

static int take_keys(struct explain *e)
{
    size_t count = cli_count(e->cli, OPT_KEY);
    const char **paths = calloc(count + 1, sizeof *paths);
    int code;

    if (!paths) {
        return cli_fail(e->cli, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        paths[i] = cli_value_n(e->cli, OPT_KEY, i);
    }
    code = sim_keys_load(e->cli, &e->keys, paths, count);
    if (!code) {
        code = sim_keys_load_own(e->cli, &e->keys, OPT_DECRYPT_KEY);
    }
    free(paths);
    e->policy = (struct dfu_image_policy){
        .hashes = hashes,
        .keys = e->keys.keys,
        .key_count = e->keys.count,
        .hash_only = e->keys.count == 0,
        .decryption = sim_keys_decryption(&e->keys),
    };
    return code;
}

/* As the virtual device: where a copy is made, it may decompress. One explanation in one process. */
static void take_decoder(struct explain *e)
{
    static uint64_t work[DFU_LZMA2_WORK_SIZE(131072u, 1u << 20) / 8];
    static const struct dfu_unpacker unpacker = { &dfu_unpack, &dfu_lzma2, work, sizeof work, 0 };

    if (e->board->map.mode == DFU_MODE_OVERWRITE) {
        e->policy.unpacker = &unpacker;
    }
}

static int set_up(struct explain *e, const char *board, const struct boot_mode *mode)
{
    char why[256];

    if (dfu_board_load(e->board, board, why, sizeof why)) {
        return cli_fail(e->cli, CLI_USAGE, "%s", why);
    }
    if (mode && !cli_has(e->cli, OPT_MODE)) {
        const char *what;

        if (boot_mode_apply(mode, &e->board->map, dfu_board_area(e->board, "scratch_partition"),
                            &what)) {
            return cli_fail(e->cli, CLI_USAGE,
                            "the device uses %s, which board %s has no slots for; name its board "
                            "with --board",
                            mode->text, board);
        }
    }
    sim_keys_make_room(e->keys.decryption.key_count > 0, &e->board->map);
    e->mode = boot_mode_choose(e->cli, OPT_MODE, e->board);
    if (!e->mode) {
        return CLI_USAGE;
    }
    take_decoder(e);
    if (!rehearsal_init(&e->rehearsal, e->board, e->mode, &e->policy)) {
        return cli_fail(e->cli, CLI_INTERNAL, "out of memory");
    }
    e->rehearsal.cfg.decompression = e->policy.unpacker ? &dfu_boot_decompressed : NULL;
    e->rehearsal.cfg.prevent_downgrade = cli_has(e->cli, OPT_NO_DOWNGRADE);
    return extras_take(e->cli, e->board, &e->extras, &e->rehearsal.cfg);
}

/* ---- A dump ---- */

static int explain_flash(struct explain *e)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int code = set_up(e, cli_value(e->cli, OPT_BOARD), NULL);

    e->path = cli_value(e->cli, OPT_FLASH);
    e->has_cost = true;
    if (!code) {
        code = cli_read_file(e->cli, e->path, FLASH_MAX, &data, &len);
    }
    if (!code && len != e->rehearsal.size) {
        code = cli_fail(e->cli, CLI_USAGE,
                        "%s has %zu bytes, but the flash of board %s has %zu; name another file "
                        "or board",
                        e->path, len, e->board->name, e->rehearsal.size);
    }
    if (!code && e->rehearsal.mem) {
        memcpy(e->rehearsal.mem, data, len);
        rehearsal_adopt(&e->rehearsal);
        if (e->rehearsal.cfg.history) {
            code = history_from_area(e->cli, &e->extras.history_area, SHOWN_UPDATES, &e->history);
        }
        code = code ? code : explain_look(e);
    }
    free(data);
    return code;
}

/* ---- An image ---- */

/* Put a file into a slot, or into none, and open what it holds: its size in *size, without
 * padding. */
static int put_file(struct explain *e, const char *path, const struct dfu_area *area,
                    uint32_t *size)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int code = imagefile_read(e->cli, path, &data, &len, NULL);
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    enum dfu_image_fault fault;
    uint32_t off = area ? dfu_boot_get_image_start_offset(&e->board->map, area) : 0;

    if (code) {
        return code;
    }
    fault = dfu_image_open(&image, &reader, 0);
    if (fault) {
        code = cli_fail(e->cli, CLI_REFUSED,
                        "%s is not a firmware image: %s; sign it with dfu sign, or fetch it again",
                        path, dfu_image_fault_text(fault));
    } else {
        *size = image.end;
        if (len > image.end && (!area || len != area->size)) {
            len = image.end; /* padding without a trailer */
        }
        if (area && len == area->size) {
            off = 0; /* a whole slot: with its trailer, and where the image lies in it */
        }
        if (area && len <= area->size - off) {
            rehearsal_put(&e->rehearsal, area, off, data, len);
        }
    }
    free(data);
    return code;
}

/* What runs is neither. */
static bool is_packed(const struct explain *e, const struct dfu_area *area)
{
    const uint16_t flags = DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256 |
                           DFU_IMAGE_F_COMPRESSED_LZMA1 | DFU_IMAGE_F_COMPRESSED_LZMA2 |
                           DFU_IMAGE_F_COMPRESSED_ARM_THUMB;
    struct dfu_image_header header;
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    uint32_t off = dfu_boot_get_image_start_offset(&e->board->map, area);

    return !dfu_area_read(area, off, raw, sizeof raw) &&
           dfu_image_header_parse(raw, &header) == DFU_IMAGE_FINE && (header.flags & flags) != 0;
}

/* With a single slot, or a program beside it that brings updates, the update is what runs, once it
 * has been written. */
static int explain_only_image(struct explain *e)
{
    uint32_t size = 0;
    int code = CLI_DONE;

    if (cli_has(e->cli, OPT_RUNNING)) {
        return cli_fail(e->cli, CLI_USAGE,
                        "with %s there is a single slot for applications, which %s will take; "
                        "leave out --running",
                        e->mode->text, e->path);
    }
    for (uint8_t i = 0; !code && i < e->board->map.image_count; i++) {
        code = put_file(e, e->path, e->board->map.images[i].primary, &size);
    }
    if (code) {
        return code;
    }
    explain_measure(e, size);
    return explain_look(e);
}

static int explain_image(struct explain *e)
{
    const struct dfu_slot_pair *pair;
    const char *running = cli_value(e->cli, OPT_RUNNING);
    uint32_t size = 0, running_size;
    int code = set_up(e, cli_value(e->cli, OPT_BOARD), NULL);

    if (code || !e->board || !e->mode) {
        return code;
    }
    e->path = cli_arg(e->cli, 0);
    e->has_cost = true;
    pair = &e->board->map.images[0];
    if (explain_taker(e) == 0) {
        return explain_only_image(e);
    }
    code = put_file(e, e->path, pair->secondary, &size);
    if (!code && !running && is_packed(e, pair->secondary)) {
        code = cli_fail(e->cli, CLI_USAGE,
                        "%s is encrypted or compressed, so it cannot stand in for the image that "
                        "runs; name that one as --running IMAGE",
                        e->path);
    }
    for (uint8_t i = 0; !code && i < e->board->map.image_count; i++) { /* all of them must run */
        const struct dfu_area *primary = e->board->map.images[i].primary;

        code = put_file(e, running ? running : e->path, primary, &running_size);
        if (!code && strstr(e->mode->name, "revert")) { /* without a trailer it would not run */
            (void)dfu_boot_set_next(&e->board->map, primary, true, true);
        }
    }
    if (code) {
        return code;
    }
    e->is_stand_in = !running;
    explain_measure(e, size);
    return explain_look(e);
}

/* ---- A device ---- */

static int explain_device(struct explain *e)
{
    const char *board = cli_value(e->cli, OPT_BOARD);
    struct explain_device *device = calloc(1, sizeof *device);
    const struct boot_mode *mode = NULL;
    uint32_t size = 0;
    int code;

    if (!device) {
        return cli_fail(e->cli, CLI_INTERNAL, "out of memory");
    }
    e->path = e->cli->target;
    e->is_board_known = board != NULL;
    e->policy = (struct dfu_image_policy){ .hashes = hashes, .hash_only = true };
    code = explain_ask_device(e->cli, device);
    if (!code) {
        mode = boot_mode_of(device->mode);
        code = set_up(e, board ? board : explain_stand_in_board(device), mode);
    }
    if (!code && cli_arg(e->cli, 0)) {
        code = put_file(e, cli_arg(e->cli, 0), NULL, &size);
        e->has_cost = e->is_board_known;
    }
    if (!code) {
        code = explain_put_device(e, device, size);
    }
    if (!code && size > 0) {
        explain_measure(e, size);
        e->fit.limit = device->largest > 0 ? device->largest : e->fit.limit;
    }
    free(device);
    return code ? code : explain_look(e);
}

/* With -d, that is. DFU_TARGET alone doesn't make a file or a dump the business of a device. */
static bool is_device_named(const struct cli *cli)
{
    return cli->target && cli->target != getenv("DFU_TARGET");
}

static int check_options(struct cli *cli)
{
    bool has_target = cli->target && cli->target[0];

    if (cli_has(cli, OPT_FLASH) && cli_arg(cli, 0)) {
        return cli_fail(cli, CLI_USAGE,
                        "%s and --flash %s are two things to explain; give one of them",
                        cli_arg(cli, 0), cli_value(cli, OPT_FLASH));
    }
    if (!cli_has(cli, OPT_FLASH) && !cli_arg(cli, 0) && !has_target) {
        return cli_fail(cli, CLI_USAGE,
                        "there is nothing to explain; give an image file, a flash dump as --flash "
                        "FILE, or a device as -d TARGET");
    }
    if ((cli_has(cli, OPT_FLASH) || (cli_arg(cli, 0) && !is_device_named(cli))) &&
        !cli_has(cli, OPT_BOARD)) {
        return cli_fail(cli, CLI_USAGE,
                        "what the bootloader does depends on its board; name it as --board BOARD, "
                        "for example --board sim");
    }
    return CLI_DONE;
}

static int explain_source(struct explain *e)
{
    if (cli_has(e->cli, OPT_FLASH)) {
        e->source = EXPLAIN_FLASH;
        return explain_flash(e);
    }
    if (cli_arg(e->cli, 0) && !is_device_named(e->cli)) {
        e->source = EXPLAIN_IMAGE;
        return explain_image(e);
    }
    e->source = EXPLAIN_DEVICE;
    return explain_device(e);
}

static int explain_run(struct cli *cli)
{
    struct explain *e = calloc(1, sizeof *e);
    struct dfu_board *board = calloc(1, sizeof *board);
    int code = check_options(cli);

    if (!e || !board) {
        free(e);
        free(board);
        return code ? code : cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (!code) {
        *e = (struct explain){ .cli = cli, .board = board, .is_board_known = true };
        code = take_keys(e);
    }
    if (!code) {
        code = explain_source(e);
    }
    if (!code) {
        code = cli->json ? explain_print_json(e) : explain_print(e);
    }
    rehearsal_free(&e->rehearsal);
    history_free(&e->history);
    sim_keys_free(&e->keys);
    dfu_board_free(board);
    free(board);
    free(e);
    return code;
}

const struct cli_command cmd_explain = {
    .name = "explain",
    .args = "[FILE]",
    .summary = "Say what the bootloader will do next, and why",
    .details = details,
    .options = options,
    .examples = examples,
    .run = explain_run,
};
