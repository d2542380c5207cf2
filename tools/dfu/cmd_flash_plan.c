/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu flash-plan: which file goes where on a board that a debug probe writes for the first time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "board.h"
#include "commands.h"
#include "dfu/image.h"

#define LINE_LEN   1024u
#define FILES_MAX  (1u + DFU_IMAGES_MAX)
#define FILE_LIMIT (64u << 20)

enum { OPT_BOOT = 1, OPT_IMAGE };

struct placed {
    const char *file;
    const struct dfu_area *area;
    uint32_t address;
};

struct plan {
    struct cli *cli;
    struct dfu_board board;
    struct placed files[FILES_MAX];
    unsigned count;
};

/* ---- Where files go ---- */

static const struct dfu_board_flash *flash_of(const struct dfu_board *board,
                                              const struct dfu_area *area)
{
    int id = dfu_board_area_id(board, area);

    return &board->flashes[board->areas[id].flash];
}

/* What a file is must suit where it goes, if it is there to be looked at. */
static int check_file(struct plan *plan, const struct placed *placed, bool is_image)
{
    uint8_t *data;
    size_t len;
    bool begins_as_image;
    int code = cli_read_file(plan->cli, placed->file, FILE_LIMIT, &data, &len);

    if (code) {
        return code;
    }
    begins_as_image = len >= 4 && get_le32(data) == DFU_IMAGE_MAGIC;
    free(data);
    if (is_image && !begins_as_image) {
        return cli_fail(plan->cli, CLI_REFUSED,
                        "%s is not a signed image, and would not start from %s; dfu sign makes one",
                        placed->file, placed->area->label);
    }
    if (!is_image && begins_as_image) {
        return cli_fail(plan->cli, CLI_REFUSED,
                        "%s is a signed image, which a bootloader starts; it cannot be one",
                        placed->file);
    }
    if (len == 0) {
        return cli_fail(plan->cli, CLI_USAGE, "%s is empty; name the bootloader as it was built",
                        placed->file);
    }
    if (len > placed->area->size) {
        return cli_fail(plan->cli, CLI_REFUSED, "%s has %zu bytes, %s has room for %u",
                        placed->file, len, placed->area->label, (unsigned)placed->area->size);
    }
    return 0;
}

static int place(struct plan *plan, const char *file, const struct dfu_area *area, bool is_image,
                 bool is_given)
{
    const struct dfu_board_flash *flash = flash_of(&plan->board, area);
    struct placed *placed = &plan->files[plan->count];

    *placed = (struct placed){ file, area, flash->address + area->base };
    if (!flash->is_mapped) {
        return cli_fail(plan->cli, CLI_REFUSED,
                        "%s lies in %s, which a debug probe does not see; upload it through the "
                        "bootloader",
                        area->label, flash->name);
    }
    if (is_image && placed->address == 0) {
        return cli_fail(plan->cli, CLI_REFUSED,
                        "%s begins at 0x0, where the processor looks for a bootloader; give it "
                        "another place in the board file",
                        area->label);
    }
    plan->count++;
    return is_given ? check_file(plan, placed, is_image) : 0;
}

static int place_all(struct plan *plan)
{
    const struct dfu_slot_map *map = &plan->board.map;
    struct cli *cli = plan->cli;
    size_t images = cli_count(cli, OPT_IMAGE);
    int code = 0;

    if (images > map->image_count) {
        return cli_fail(cli, CLI_USAGE, "%s has room for %u images, not for %zu", plan->board.name,
                        map->image_count, images);
    }
    if (plan->board.boot) {
        code =
            place(plan, cli_value(cli, OPT_BOOT), plan->board.boot, false, cli_has(cli, OPT_BOOT));
    }
    for (unsigned i = 0; !code && i < map->image_count; i++) {
        if (i < images) {
            code = place(plan, cli_value_n(cli, OPT_IMAGE, i), map->images[i].primary, true, true);
        } else if (i == 0) {
            code = place(plan, "app.signed.bin", map->images[i].primary, true, false);
        }
    }
    return code;
}

/* ---- Command lines ---- */

struct lines {
    cJSON *array; /* NULL: they are printed */
};

__attribute__((format(printf, 2, 3))) static void add_line(const struct lines *lines,
                                                           const char *format, ...)
{
    char text[LINE_LEN];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (lines->array) {
        cli_make_utf8(text);
        cJSON_AddItemToArray(lines->array, cJSON_CreateString(text));
    } else {
        printf("%s\n", text);
    }
}

static void openocd(const struct plan *plan, const struct lines *lines)
{
    char text[LINE_LEN] = "";
    size_t used = 0;

    for (unsigned i = 0; i < plan->count && used < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, " -c 'program %s 0x%x verify%s'",
                                 plan->files[i].file, (unsigned)plan->files[i].address,
                                 i + 1 == plan->count ? " reset exit" : "");
    }
    add_line(lines, "openocd %s%s", plan->board.openocd, text);
}

static void pyocd(const struct plan *plan, const struct lines *lines)
{
    for (unsigned i = 0; i < plan->count; i++) {
        add_line(lines, "pyocd flash --target %s --erase sector --base-address 0x%x %s",
                 plan->board.pyocd, (unsigned)plan->files[i].address, plan->files[i].file);
    }
}

/* It takes no addresses, so that files have to bring them. */
static void nrfjprog(const struct plan *plan, const struct lines *lines)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct placed *placed = &plan->files[i];

        add_line(lines, "objcopy -I binary -O ihex --change-addresses 0x%x %s %s.hex",
                 (unsigned)placed->address, placed->file, placed->file);
        add_line(lines, "nrfjprog --family %s --program %s.hex --sectorerase --verify",
                 plan->board.nrfjprog, placed->file);
    }
    add_line(lines, "nrfjprog --family %s --reset", plan->board.nrfjprog);
}

static const struct {
    const char *name;
    void (*write)(const struct plan *plan, const struct lines *lines);
} tools[] = { { "openocd", openocd }, { "pyocd", pyocd }, { "nrfjprog", nrfjprog } };

static bool knows(const struct dfu_board *board, size_t tool)
{
    const char *const names[] = { board->openocd, board->pyocd, board->nrfjprog };

    return names[tool] != NULL;
}

/* ---- What is said ---- */

static void print_plan(const struct plan *plan)
{
    const struct dfu_area *storage = plan->board.storage;
    struct lines lines = { NULL };
    bool is_known = false;

    printf("%-24s  %-20s  %-10s  %s\n", "file", "goes to", "address", "room");
    for (unsigned i = 0; i < plan->count; i++) {
        const struct placed *placed = &plan->files[i];

        printf("%-24s  %-20s  0x%08x  %u\n", placed->file, placed->area->label,
               (unsigned)placed->address, (unsigned)placed->area->size);
    }
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (knows(&plan->board, i)) {
            printf("\n# %s\n", tools[i].name);
            tools[i].write(plan, &lines);
            is_known = true;
        }
    }
    if (!is_known) {
        printf("\nthe board file names no flash programmer for this board\n");
    } else {
        printf("\nThese lines erase only the sectors they write. Not to be used here: openocd's "
               "mass_erase,\npyocd erase --chip or --mass, nrfjprog --eraseall, --chiperase or "
               "--recover. They take\n%s%sthe bootloader with them.\n",
               storage ? storage->label : "", storage ? " and " : "");
    }
}

static int print_json(const struct plan *plan)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *files;
    cJSON *commands;

    cJSON_AddStringToObject(json, "board", plan->board.name);
    files = cJSON_AddArrayToObject(json, "files");
    for (unsigned i = 0; i < plan->count; i++) {
        const struct placed *placed = &plan->files[i];
        cJSON *item = cJSON_CreateObject();
        char name[LINE_LEN];

        (void)snprintf(name, sizeof name, "%s", placed->file);
        cli_make_utf8(name);
        cJSON_AddStringToObject(item, "file", name);
        cJSON_AddStringToObject(item, "partition", placed->area->label);
        cJSON_AddNumberToObject(item, "address", placed->address);
        cJSON_AddNumberToObject(item, "size", placed->area->size);
        cJSON_AddItemToArray(files, item);
    }
    commands = cJSON_AddObjectToObject(json, "commands");
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (knows(&plan->board, i)) {
            struct lines lines = { cJSON_AddArrayToObject(commands, tools[i].name) };

            tools[i].write(plan, &lines);
        }
    }
    return cli_json_print(plan->cli, json);
}

static int run(struct cli *cli)
{
    struct plan *plan = calloc(1, sizeof *plan);
    char why[256];
    int code;

    if (!plan) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    plan->cli = cli;
    if (dfu_board_load(&plan->board, cli_arg(cli, 0), why, sizeof why)) {
        code = cli_fail(cli, CLI_USAGE, "%s", why);
        free(plan);
        return code;
    }
    code = place_all(plan);
    if (!code && cli->json) {
        code = print_json(plan);
    } else if (!code) {
        print_plan(plan);
    }
    dfu_board_free(&plan->board);
    free(plan);
    return code;
}

static const struct cli_option options[] = {
    { "boot", 0, "FILE", 1, "the bootloader; given, it is looked at", "boot.bin", OPT_BOOT },
    { "image", 0, "FILE", 1,
      "the signed image, looked at; given again, that of the next image [app.signed.bin]", NULL,
      OPT_IMAGE },
    { 0 },
};

static const char *const examples[] = {
    "# Where bootloader and application go, and the lines that bring them there",
    "dfu flash-plan nrf52840dk",
    "# With the files that a build has made",
    "dfu flash-plan nrf52840dk --boot boot.bin --image app.signed.bin",
    NULL,
};

const struct cli_command cmd_flash_plan = {
    .name = "flash-plan",
    .args = "BOARD",
    .summary = "Print which file goes where on a board, and how a debug probe writes it",
    .details =
        "The bootloader goes to the board's boot_partition, a signed image to its slot 0, by the\n"
        "board file; lines for openocd, pyocd and nrfjprog are printed where that names them.",
    .options = options,
    .examples = examples,
    .run = run,
};
