/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu_board_table BOARD [MODE]: a board file as const C, for firmware that has no devicetree; MODE,
 * as `dfu sim --mode` names it, stands in for the board's own.
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
    printf("const struct dfu_slot_map board_map = {\n"
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

static void print_c(const struct dfu_board *board)
{
    printf("/* Made by dfu_board_table from the board file of %s. */\n"
           "#include \"dfu/slots.h\"\n\n#include \"board_table.h\"\n\n",
           board->name);
    for (unsigned i = 0; i < board->flash_count; i++) {
        printf("extern const struct dfu_flash_ops port_%s_ops;\n", board->flashes[i].name);
    }
    for (uint8_t i = 0; i < board->area_count; i++) {
        print_area(board, &board->areas[i]);
    }
    print_map(&board->map);
    print_addresses(board);
}

static void print_cmake(const struct dfu_board *board)
{
    for (uint8_t i = 0; i < board->area_count; i++) {
        const struct dfu_area *area = &board->areas[i].area;
        uint32_t address = board->flashes[board->areas[i].flash].address;

        printf("set(%s_base 0x%x)\nset(%s_size 0x%x)\n", area->label,
               (unsigned)(address + area->base), area->label, (unsigned)area->size);
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
    fprintf(stderr, "usage: dfu_board_table BOARD [MODE] | --cmake BOARD\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool is_for_cmake = argc > 1 && strcmp(argv[1], "--cmake") == 0;
    const char *mode = !is_for_cmake && argc == 3 ? argv[2] : NULL;
    struct dfu_board board;
    char why[256];
    int exit_code;

    if (argc < 2 || argc > 3 || (is_for_cmake && argc != 3)) {
        return usage();
    }
    if (dfu_board_load(&board, argv[is_for_cmake ? 2 : 1], why, sizeof why)) {
        fprintf(stderr, "dfu_board_table: %s\n", why);
        return 2;
    }
    exit_code = mode ? choose_mode(&board, mode) : 0;
    if (!exit_code && is_for_cmake) {
        print_cmake(&board);
    } else if (!exit_code) {
        print_c(&board);
    }
    dfu_board_free(&board);
    return exit_code;
}
