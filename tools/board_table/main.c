/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu_board_table BOARD [MODE]: a board file as const C, for firmware that has no devicetree; MODE,
 * as `dfu sim --mode` names it, stands in for the board's own.
 * dfu_board_table --header BOARD [MODE]: what of it a compiler should see: the map, and the names of
 * the areas.
 * dfu_board_table --cmake BOARD: where its partitions lie, for a linker. */
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "boot_modes.h"

static void print_runs(const struct dfu_area *area)
{
    printf("static const struct dfu_sector_run %s_runs[] = {", area->label);
    for (uint8_t i = 0; i < area->run_count; i++) {
        printf(" { %uu, %uu },", (unsigned)area->runs[i].size, (unsigned)area->runs[i].count);
    }
    printf(" };\n");
}

static void print_area(const struct dfu_board *board, const struct dfu_board_area *entry)
{
    const struct dfu_area *area = &entry->area;

    print_runs(area);
    printf("const struct dfu_area board_%s = {\n"
           "    .ops = &port_%s_ops, .label = \"%s\", .base = 0x%xu, .size = 0x%xu,\n"
           "    .runs = %s_runs, .run_count = %u, .write_size = %u, .erased = 0x%02x,\n};\n",
           area->label, board->flashes[entry->flash].name, area->label, (unsigned)area->base,
           (unsigned)area->size, area->label, area->run_count, area->write_size, area->erased);
}

static void print_map(const struct dfu_slot_map *map)
{
    printf("static const struct dfu_slot_map board_map = {\n"
           "    .mode = (enum dfu_boot_mode)%d, .max_align = %u, .max_sectors = %u, "
           ".key_size = %u,\n    .image_count = %u,\n    .images = {\n",
           map->mode, map->max_align, map->max_sectors, map->key_size, map->image_count);
    for (uint8_t i = 0; i < map->image_count; i++) {
        const struct dfu_slot_pair *pair = &map->images[i];

        printf("        { &board_%s, ", pair->primary->label);
        if (pair->secondary) {
            printf("&board_%s },\n", pair->secondary->label);
        } else {
            printf("0 },\n");
        }
    }
    printf("    },\n");
    if (map->scratch) {
        printf("    .scratch = &board_%s,\n", map->scratch->label);
    }
    printf("};\n");
}

static bool holds_slots(const struct dfu_board *board, unsigned flash)
{
    for (uint8_t i = 0; i < board->area_count; i++) {
        const struct dfu_board_area *entry = &board->areas[i];

        for (uint8_t n = 0; entry->flash == flash && n < board->map.image_count; n++) {
            if (board->map.images[n].primary == &entry->area ||
                board->map.images[n].secondary == &entry->area) {
                return true;
            }
        }
    }
    return false;
}

/* Areas of a device share its driver, and devices do not. */
static void print_addresses(const struct dfu_board *board)
{
    printf("uint32_t board_address(const struct dfu_area *area)\n{\n"
           "    uint32_t device = 0;\n\n");
    for (unsigned i = 0; i < board->flash_count; i++) {
        if (holds_slots(board, i)) {
            printf("    if (area->ops == &port_%s_ops) {\n        device = 0x%xu;\n    }\n",
                   board->flashes[i].name, (unsigned)board->flashes[i].address);
        }
    }
    printf("    return device + area->base;\n}\n");
}

/* ---- What dfu/slots.h computes, of this one map ---- */

static bool has_one_trailer(const struct dfu_slot_map *map)
{
    struct dfu_trailer first, other;

    return map->image_count == 1 && !map->scratch && map->images[0].secondary &&
           dfu_slot_trailer(map, map->images[0].primary, &first) == 0 &&
           dfu_slot_trailer(map, map->images[0].secondary, &other) == 0 &&
           memcmp(&first, &other, sizeof first) == 0;
}

static void print_trailer(const struct dfu_slot_map *map, const struct dfu_area *area,
                          bool is_only_one)
{
    struct dfu_trailer at;

    if (!area || dfu_slot_trailer(map, area, &at)) {
        return;
    }
    if (!is_only_one) {
        printf("    if (area == &board_%s) {\n    ", area->label);
    }
    printf("    *out = (struct dfu_trailer){ %uu, %uu, %uu, %uu, %uu, %uu, { %uu, %uu }, "
           "%uu, %uu, %uu };\n",
           (unsigned)at.magic, (unsigned)at.image_ok, (unsigned)at.copy_done,
           (unsigned)at.swap_info, (unsigned)at.tlv_sizes, (unsigned)at.swap_size,
           (unsigned)at.key[0], (unsigned)at.key[1], (unsigned)at.status,
           (unsigned)at.status_stride, (unsigned)at.status_count);
    printf("%s    return 0;\n%s", is_only_one ? "" : "    ", is_only_one ? "" : "    }\n");
}

static void print_trailers(const struct dfu_slot_map *map)
{
    bool is_only_one = has_one_trailer(map);

    /* One answer is smaller as constants where it is asked for. */
    printf("%sint dfu_slot_trailer(const struct dfu_slot_map *map, const struct dfu_area *area,\n"
           "                     struct dfu_trailer *out)\n{\n    (void)map;\n    (void)area;\n",
           is_only_one ? "extern inline __attribute__((always_inline)) " : "");
    for (uint8_t i = 0; i < map->image_count; i++) {
        print_trailer(map, map->images[i].primary, is_only_one);
        if (!is_only_one) {
            print_trailer(map, map->images[i].secondary, false);
        }
    }
    print_trailer(map, map->scratch, false);
    printf("%s}\n", is_only_one ? "" : "    return DFU_ERR_INVAL;\n");
}

static uint32_t fit(const struct dfu_slot_map *map, uint8_t image)
{
    return (uint32_t)dfu_slot_compatible(map, image);
}

static void print_per_image(const struct dfu_slot_map *map, const char *type, const char *name,
                            uint32_t (*value)(const struct dfu_slot_map *map, uint8_t image))
{
    printf("%s %s(const struct dfu_slot_map *map, uint8_t image)\n{\n", type, name);
    printf("    (void)map;\n    (void)image;\n");
    for (uint8_t i = 0; i + 1 < map->image_count; i++) {
        printf("    if (image == %u) {\n        return (%s)%uu;\n    }\n", i, type,
               (unsigned)value(map, i));
    }
    printf("    return (%s)%uu;\n}\n", type, (unsigned)value(map, (uint8_t)(map->image_count - 1)));
}

static void print_geometry(const struct dfu_slot_map *map)
{
    print_trailers(map);
    print_per_image(map, "enum dfu_slot_fit", "dfu_slot_compatible", fit);
    print_per_image(map, "uint32_t", "dfu_slot_max_image", dfu_slot_max_image);
    print_per_image(map, "uint32_t", "dfu_slot_upload_offset", dfu_slot_upload_offset);
    printf("uint32_t dfu_slot_limit(const struct dfu_slot_map *map, uint8_t image, "
           "const struct dfu_area *area)\n{\n    (void)area;\n"
           "    return dfu_slot_max_image(map, image);\n}\n");
}

static void print_c(const struct dfu_board *board)
{
    printf("/* Made by dfu_board_table from the board file of %s. */\n"
           "#include \"board_table.h\"\n\n#include \"dfu/err.h\"\n\n",
           board->name);
    for (unsigned i = 0; i < board->flash_count; i++) {
        printf("extern const struct dfu_flash_ops port_%s_ops;\n", board->flashes[i].name);
    }
    for (uint8_t i = 0; i < board->area_count; i++) {
        print_area(board, &board->areas[i]);
    }
    print_geometry(&board->map);
    print_addresses(board);
}

static bool have_same_units(const struct dfu_area *a, const struct dfu_area *b)
{
    return a->write_size == b->write_size && a->erased == b->erased;
}

static bool have_sectors_of(const struct dfu_area *area, uint32_t size)
{
    return area->run_count == 1 && area->runs[0].size == size;
}

static bool have_few_sectors(const struct dfu_slot_map *map)
{
    for (uint8_t i = 0; i < map->image_count; i++) {
        const struct dfu_slot_pair *pair = &map->images[i];

        if (dfu_area_sector_count(pair->primary) > map->max_sectors ||
            (pair->secondary && dfu_area_sector_count(pair->secondary) > map->max_sectors)) {
            return false;
        }
    }
    return true;
}

/* What the areas have in common; 0, or no name, where they differ. */
static void print_common(const struct dfu_board *board)
{
    const struct dfu_area *first = &board->areas[0].area;
    uint32_t sector_size = first->runs[0].size, write_size = first->write_size;
    bool has_one_device = true;

    for (uint8_t i = 0; i < board->area_count; i++) {
        const struct dfu_area *area = &board->areas[i].area;

        has_one_device = has_one_device && board->areas[i].flash == board->areas[0].flash;
        sector_size = have_sectors_of(area, sector_size) ? sector_size : 0;
        write_size = have_same_units(area, first) ? write_size : 0;
    }
    printf(
        "#define BOARD_SECTOR_SIZE %uu\n#define BOARD_WRITE_SIZE %uu\n#define BOARD_ERASED 0x%02xu\n",
        (unsigned)sector_size, (unsigned)write_size, first->erased);
    printf("#define BOARD_SECTORS_FIT %d /* no slot has more than the map's max_sectors */\n",
           have_few_sectors(&board->map));
    if (has_one_device) {
        const char *name = board->flashes[board->areas[0].flash].name;

        printf("#define BOARD_OPS port_%s_ops\nextern const struct dfu_flash_ops port_%s_ops;\n",
               name, name);
    }
}

static void print_header(const struct dfu_board *board)
{
    printf("/* Made by dfu_board_table from the board file of %s. */\n"
           "#ifndef DFU_BOARD_TABLE_H\n#define DFU_BOARD_TABLE_H\n\n"
           "#include \"dfu/slots.h\"\n\n",
           board->name);
    for (uint8_t i = 0; i < board->area_count; i++) {
        printf("extern const struct dfu_area board_%s;\n", board->areas[i].area.label);
    }
    print_map(&board->map);
    print_common(board);
    printf("#define BOARD_BOOT_MODE %u /* as dfu_mode_number() */\n",
           dfu_mode_number(board->map.mode));
    printf("\n/* Where the processor sees the area's first byte. */\n"
           "uint32_t board_address(const struct dfu_area *area);\n\n#endif\n");
}

/* The one that applications are linked for has a second name. */
static void print_cmake(const struct dfu_board *board)
{
    const struct dfu_area *code = board->code ? board->code : board->map.images[0].primary;

    for (uint8_t i = 0; i < board->area_count; i++) {
        const struct dfu_area *area = &board->areas[i].area;
        uint32_t address = board->flashes[board->areas[i].flash].address;

        for (int second = 0; second < (area == code ? 2 : 1); second++) {
            const char *name = second ? "code_partition" : area->label;

            printf("set(%s_base 0x%x)\nset(%s_size 0x%x)\n", name, (unsigned)(address + area->base),
                   name, (unsigned)area->size);
        }
    }
}

/* 0 if the board can work so; else a sentence is printed. */
static int choose_mode(struct dfu_board *board, const char *name)
{
    const struct dfu_area *scratch = dfu_board_area(board, "scratch_partition");
    const struct boot_mode *mode = boot_modes;
    const char *why;

    while (mode->name && strcmp(mode->name, name) != 0) {
        mode++;
    }
    if (!mode->name) {
        fprintf(stderr, "dfu_board_table: there is no mode %s\n", name);
        return 2;
    }
    if (boot_mode_apply(mode, &board->map, scratch, &why)) {
        fprintf(stderr, "dfu_board_table: %s cannot be used on %s: %s\n", mode->text, board->name,
                why);
        return 2;
    }
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: dfu_board_table [--header] BOARD [MODE] | --cmake BOARD\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
    int at = *option ? 2 : 1;
    bool is_for_cmake = strcmp(option, "--cmake") == 0;
    bool is_header = strcmp(option, "--header") == 0;
    struct dfu_board board;
    char why[256];
    int exit_code;

    if (argc <= at || argc > at + (is_for_cmake ? 1 : 2) ||
        (*option && !is_for_cmake && !is_header)) {
        return usage();
    }
    if (dfu_board_load(&board, argv[at], why, sizeof why)) {
        fprintf(stderr, "dfu_board_table: %s\n", why);
        return 2;
    }
    exit_code = argc > at + 1 ? choose_mode(&board, argv[at + 1]) : 0;
    if (!exit_code && board.map.decompresses) {
        fprintf(stderr,
                "dfu_board_table: firmware has no decompressor; take \"decompress\" out of "
                "the board file of %s\n",
                board.name);
        exit_code = 2;
    }
    if (!exit_code) {
        (is_for_cmake ? print_cmake : is_header ? print_header : print_c)(&board);
    }
    dfu_board_free(&board);
    return exit_code;
}
