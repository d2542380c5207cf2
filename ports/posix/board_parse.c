/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* From a devicetree blob to a board. Nothing in the blob is believed: fdt_check_full first, then
 * every property for its length, every number for its range. */
#include "board.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "board_fdt.h"
#include "dfu/err.h"

/* ---- Saying what is wrong ---- */

struct parser {
    struct dfu_board *board;
    const void *fdt;
    const char *what;
    char *why;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct parser *p, const char *format,
                                                        ...)
{
    int used = snprintf(p->why, p->cap, "%s: ", p->what);
    va_list args;

    if (used >= 0 && (size_t)used < p->cap) {
        va_start(args, format);
        (void)vsnprintf(p->why + used, p->cap - (size_t)used, format, args);
        va_end(args);
    }
    return DFU_ERR_FORMAT;
}

/* ---- Properties ---- */

static uint32_t cell(const void *value, int index)
{
    fdt32_t raw;

    memcpy(&raw, (const uint8_t *)value + 4 * (size_t)index, sizeof raw);
    return fdt32_to_cpu(raw);
}

/* One number: 1 if there is one, 0 if the property is missing, or a negative error. */
static int get_u32(const struct parser *p, int node, const char *name, uint32_t *out)
{
    int len;
    const void *value = fdt_getprop(p->fdt, node, name, &len);

    if (!value) {
        return 0;
    }
    if (len != 4) {
        return refuse(p, "%s of %s is not one number; write it as <...>", name,
                      fdt_get_name(p->fdt, node, NULL));
    }
    *out = cell(value, 0);
    return 1;
}

/* <offset size>, with one cell each. */
static int get_reg(const struct parser *p, int node, const char *label, uint32_t *off,
                   uint32_t *size)
{
    int parent = fdt_parent_offset(p->fdt, node);
    int len;
    const void *value = fdt_getprop(p->fdt, node, "reg", &len);

    if (!value || len != 8 || fdt_address_cells(p->fdt, parent) != 1 ||
        fdt_size_cells(p->fdt, parent) != 1) {
        return refuse(p, "%s needs reg = <offset size> with one cell each", label);
    }
    *off = cell(value, 0);
    *size = cell(value, 1);
    return DFU_OK;
}

/* ---- Flash devices ---- */

static int read_flash_size(const struct parser *p, int node, struct dfu_board_flash *flash)
{
    uint32_t bits = 0;
    int found = 0;

    if (fdt_node_check_compatible(p->fdt, node, "jedec,spi-nor") == 0) {
        found = get_u32(p, node, "size", &bits);
        flash->size = bits / 8;
    }
    if (found == 0) {
        flash->is_mapped = true;
        return get_reg(p, node, flash->name, &flash->address, &flash->size);
    }
    return found < 0 ? found : DFU_OK;
}

static int read_sectors(const struct parser *p, int node, struct dfu_board_flash *flash)
{
    int len;
    const void *pairs = fdt_getprop(p->fdt, node, "dfukit,sectors", &len);
    uint32_t size = 0;
    int found = get_u32(p, node, "erase-block-size", &size);

    if (found < 0) {
        return found;
    }
    if (!pairs && size > 0) {
        flash->runs[0] = (struct dfu_sector_run){ size, flash->size / size };
        flash->run_count = 1;
        return DFU_OK;
    }
    if (!pairs || len <= 0 || len % 8 != 0 || (uint32_t)len / 8 > DFU_BOARD_RUNS_MAX) {
        return refuse(p, "%s needs erase-block-size, or dfukit,sectors with up to %u <size count>",
                      flash->name, DFU_BOARD_RUNS_MAX);
    }
    flash->run_count = (uint8_t)(len / 8);
    for (int i = 0; i < flash->run_count; i++) {
        flash->runs[i] = (struct dfu_sector_run){ cell(pairs, 2 * i), cell(pairs, 2 * i + 1) };
    }
    return DFU_OK;
}

static int read_part(const struct parser *p, int node, struct dfu_board_flash *flash)
{
    static const struct dfu_sim_timing *const parts[] = { &dfu_sim_nrf52840, &dfu_sim_w25q };
    const char *name = board_fdt_string(p->fdt, node, "dfukit,part");

    if (!fdt_getprop(p->fdt, node, "dfukit,part", NULL)) {
        return DFU_OK;
    }
    for (size_t i = 0; name && i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(name, parts[i]->name) == 0) {
            flash->timing = parts[i];
            return DFU_OK;
        }
    }
    return refuse(p, "%s has an unknown dfukit,part; known are nrf52840 and w25q", flash->name);
}

/* The whole device as an area obeys the rules of areas: one check for both. */
static int check_flash(const struct parser *p, const struct dfu_board_flash *flash)
{
    struct dfu_area all = {
        .ops = &dfu_board_unattached,
        .label = flash->name,
        .size = flash->size,
        .runs = flash->runs,
        .run_count = flash->run_count,
        .write_size = flash->write_size,
        .erased = flash->erased,
    };
    int err = dfu_area_check(&all);

    if (err == DFU_ERR_ALIGN) {
        return refuse(p, "%s: write-block-size must be 1, 2, 4, 8, 16 or 32 and divide each sector",
                      flash->name);
    }
    return err ? refuse(p, "%s: its sectors do not add up to its size", flash->name) : DFU_OK;
}

/* The index of the new device, or a negative error. */
static int read_flash(struct parser *p, int node)
{
    struct dfu_board *board = p->board;
    struct dfu_board_flash *flash = &board->flashes[board->flash_count];
    uint32_t write_size = 1;
    uint32_t erased = 0xff;
    int err;

    if (board->flash_count == DFU_BOARD_FLASHES_MAX) {
        return refuse(p, "more than %u flash devices", DFU_BOARD_FLASHES_MAX);
    }
    flash->name = board_fdt_label(p->fdt, node);
    err = read_flash_size(p, node, flash);
    if (!err) {
        err = read_sectors(p, node, flash);
    }
    if (!err) {
        err = read_part(p, node, flash);
    }
    if (err || (err = get_u32(p, node, "write-block-size", &write_size)) < 0 ||
        (err = get_u32(p, node, "erase-value", &erased)) < 0) {
        return err;
    }
    if (erased != 0xff && erased != 0) {
        return refuse(p, "%s: erase-value must be 0xff or 0", flash->name);
    }
    flash->write_size = (uint8_t)(write_size <= DFU_FLASH_WRITE_SIZE_MAX ? write_size : 0);
    flash->erased = (uint8_t)erased;
    err = check_flash(p, flash);
    return err ? err : board->flash_count++;
}

/* ---- Partitions ---- */

/* The device's sectors between off and off + size as runs; false unless both are borders. */
static bool cut_runs(const struct dfu_board_flash *flash, uint32_t off, uint32_t size,
                     struct dfu_board_area *out)
{
    uint32_t start = 0;
    uint32_t at = off;
    uint32_t end = off + size;

    for (uint32_t i = 0; i < flash->run_count && at < end; i++) {
        const struct dfu_sector_run *run = &flash->runs[i];
        uint32_t run_end = start + run->size * run->count;

        if (at < run_end) {
            uint32_t stop = min_u32(end, run_end);

            if ((at - start) % run->size != 0 || (stop - start) % run->size != 0) {
                return false;
            }
            out->runs[out->area.run_count++] =
                (struct dfu_sector_run){ run->size, (stop - at) / run->size };
            at = stop;
        }
        start = run_end;
    }
    return at == end;
}

static int check_overlap(const struct parser *p, const struct dfu_board_area *area)
{
    for (uint32_t i = 0; i < p->board->area_count; i++) {
        const struct dfu_board_area *other = &p->board->areas[i];

        if (other->flash == area->flash && area->area.base < other->area.base + other->area.size &&
            other->area.base < area->area.base + area->area.size) {
            return refuse(p, "%s and %s overlap; move or shrink one of them", other->area.label,
                          area->area.label);
        }
    }
    return DFU_OK;
}

static int read_partition(struct parser *p, int node, uint8_t flash_index)
{
    struct dfu_board *board = p->board;
    struct dfu_board_flash *flash = &board->flashes[flash_index];
    struct dfu_board_area *out = &board->areas[board->area_count];
    const char *label = board_fdt_label(p->fdt, node);
    uint32_t off = 0;
    uint32_t size = 0;
    int err;

    if (board->area_count == DFU_BOARD_AREAS_MAX) {
        return refuse(p, "more than %u partitions", DFU_BOARD_AREAS_MAX);
    }
    err = get_reg(p, node, label, &off, &size);
    if (err) {
        return err;
    }
    if (size == 0 || !span_fits(off, size, flash->size)) {
        return refuse(p, "%s (0x%x, 0x%x bytes) is not inside %s (0x%x bytes)", label, off, size,
                      flash->name, flash->size);
    }
    *out = (struct dfu_board_area){ .flash = flash_index };
    out->node = node;
    out->area = (struct dfu_area){
        .ops = &dfu_board_unattached,
        .ctx = flash, /* areas of two devices never overlap */
        .label = label,
        .base = off,
        .size = size,
        .runs = out->runs,
        .write_size = flash->write_size,
        .erased = flash->erased,
    };
    if (!cut_runs(flash, off, size, out)) {
        return refuse(p, "%s (0x%x, 0x%x bytes) does not begin and end on sector borders of %s",
                      label, off, size, flash->name);
    }
    err = check_overlap(p, out);
    if (!err) {
        board->area_count++;
    }
    return err;
}

static int read_partitions(struct parser *p)
{
    int table = fdt_node_offset_by_compatible(p->fdt, -1, "fixed-partitions");

    while (table >= 0) {
        int device = fdt_parent_offset(p->fdt, table);
        int flash = device < 0 ? refuse(p, "a partition table without a flash device")
                               : read_flash(p, device);
        int err = flash < 0 ? flash : DFU_OK;
        int node;

        fdt_for_each_subnode(node, p->fdt, table)
        {
            err = err ? err : read_partition(p, node, (uint8_t)flash);
        }
        if (err) {
            return err;
        }
        table = fdt_node_offset_by_compatible(p->fdt, table, "fixed-partitions");
    }
    return p->board->area_count > 0 ? DFU_OK : refuse(p, "no fixed-partitions in it");
}

/* ---- Slot map ---- */

static const struct {
    const char *name;
    enum dfu_boot_mode mode;
} modes[] = {
    { "swap-move", DFU_MODE_SWAP_MOVE },
    { "swap-scratch", DFU_MODE_SWAP_SCRATCH },
    { "swap-offset", DFU_MODE_SWAP_OFFSET },
    { "overwrite", DFU_MODE_OVERWRITE },
    { "direct-xip", DFU_MODE_DIRECT_XIP },
    { "direct-xip-revert", DFU_MODE_DIRECT_XIP_REVERT },
    { "ram-load", DFU_MODE_RAM_LOAD },
    { "ram-load-revert", DFU_MODE_RAM_LOAD_REVERT },
    { "single-slot", DFU_MODE_SINGLE_SLOT },
    { "single-ram-load", DFU_MODE_SINGLE_RAM_LOAD },
    { "firmware-loader", DFU_MODE_FIRMWARE_LOADER },
};

static const struct dfu_area *find_slot(const struct dfu_board *board, unsigned image,
                                        bool is_secondary)
{
    const struct dfu_area *area;
    char label[40];

    (void)snprintf(label, sizeof label, "slot%u_partition", 2 * image + is_secondary);
    area = dfu_board_area(board, label);
    if (!area) {
        (void)snprintf(label, sizeof label, "image_%u_%s_partition", image,
                       is_secondary ? "secondary" : "primary");
        area = dfu_board_area(board, label);
    }
    return area;
}

static const struct dfu_area *find_scratch(const struct dfu_board *board)
{
    const struct dfu_area *area = dfu_board_area(board, "scratch_partition");

    return area ? area : dfu_board_area(board, "image_scratch_partition");
}

static int read_mode(struct parser *p, int node)
{
    struct dfu_slot_map *map = &p->board->map;
    const char *name = node >= 0 ? board_fdt_string(p->fdt, node, "mode") : NULL;

    map->mode = find_scratch(p->board) ? DFU_MODE_SWAP_SCRATCH : DFU_MODE_SWAP_MOVE;
    if (node < 0 || !fdt_getprop(p->fdt, node, "mode", NULL)) {
        return DFU_OK;
    }
    for (size_t i = 0; name && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(name, modes[i].name) == 0) {
            map->mode = modes[i].mode;
            return DFU_OK;
        }
    }
    return refuse(p, "unknown mode \"%s\"; boards/README.md lists the modes", name ? name : "");
}

static bool has_one_slot(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_SINGLE_SLOT || mode == DFU_MODE_SINGLE_RAM_LOAD;
}

static void read_slots(struct dfu_board *board)
{
    struct dfu_slot_map *map = &board->map;

    while (map->image_count < DFU_IMAGES_MAX) {
        const struct dfu_area *primary = find_slot(board, map->image_count, false);

        if (!primary && map->image_count == 0) {
            primary = board->code;
        }
        if (!primary) {
            break;
        }
        map->images[map->image_count].primary = primary;
        if (!has_one_slot(map->mode)) {
            map->images[map->image_count].secondary = find_slot(board, map->image_count, true);
        }
        map->image_count++;
    }
    map->scratch = map->mode == DFU_MODE_SWAP_SCRATCH ? find_scratch(board) : NULL;
}

/* As Zephyr chooses when nothing is said: room for the largest slot, the largest write block. */
static void choose_sizes(const struct dfu_slot_map *map, uint32_t *max_align, uint32_t *max_sectors)
{
    *max_align = 8;
    *max_sectors = 1;
    for (uint32_t i = 0; i < 2u * map->image_count; i++) {
        const struct dfu_slot_pair *pair = &map->images[i / 2];
        const struct dfu_area *area = i % 2 ? pair->secondary : pair->primary;

        if (area) {
            *max_align = max_u32(*max_align, area->write_size);
            *max_sectors = max_u32(*max_sectors, dfu_area_sector_count(area));
        }
    }
    if (map->scratch) {
        *max_align = max_u32(*max_align, map->scratch->write_size);
    }
}

static int read_sizes(struct parser *p, int node)
{
    struct dfu_slot_map *map = &p->board->map;
    uint32_t max_align, max_sectors;
    uint32_t key_size = 0;
    int err = 0;

    choose_sizes(map, &max_align, &max_sectors);
    if (node >= 0 && ((err = get_u32(p, node, "max-align", &max_align)) < 0 ||
                      (err = get_u32(p, node, "max-sectors", &max_sectors)) < 0 ||
                      (err = get_u32(p, node, "key-size", &key_size)) < 0)) {
        return err;
    }
    if (max_align > 32 || max_sectors > UINT16_MAX || key_size > 1024) {
        return refuse(p, "max-align, max-sectors or key-size is too large");
    }
    map->max_align = (uint8_t)max_align;
    map->max_sectors = (uint16_t)max_sectors;
    map->key_size = (uint16_t)key_size;
    map->decompresses = node >= 0 && fdt_getprop(p->fdt, node, "decompress", NULL) != NULL;
    return DFU_OK;
}

/* ---- What applications run from ---- */

static int read_code(struct parser *p)
{
    int chosen = fdt_path_offset(p->fdt, "/chosen");
    const char *path;
    int node;

    if (chosen < 0 || !fdt_getprop(p->fdt, chosen, "zephyr,code-partition", NULL)) {
        return DFU_OK;
    }
    path = board_fdt_string(p->fdt, chosen, "zephyr,code-partition");
    node = path ? fdt_path_offset(p->fdt, path) : -1;
    p->board->code = board_area_of_node(p->board, node);
    return p->board->code ? DFU_OK
                          : refuse(p, "zephyr,code-partition is not one of the partitions");
}

static bool may_run_from(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    bool is_xip = map->mode == DFU_MODE_DIRECT_XIP || map->mode == DFU_MODE_DIRECT_XIP_REVERT ||
                  map->mode == DFU_MODE_RAM_LOAD || map->mode == DFU_MODE_RAM_LOAD_REVERT;

    for (uint32_t i = 0; i < map->image_count; i++) {
        if (area == map->images[i].primary || (is_xip && area == map->images[i].secondary)) {
            return true;
        }
    }
    return false;
}

static void read_flasher(struct parser *p)
{
    int node = fdt_node_offset_by_compatible(p->fdt, -1, "dfukit,flasher");

    if (node >= 0) {
        p->board->openocd = board_fdt_string(p->fdt, node, "openocd");
        p->board->pyocd = board_fdt_string(p->fdt, node, "pyocd");
        p->board->nrfjprog = board_fdt_string(p->fdt, node, "nrfjprog");
    }
}

static int read_map(struct parser *p)
{
    struct dfu_board *board = p->board;
    int node = fdt_node_offset_by_compatible(p->fdt, -1, "dfukit,boot");
    const char *culprit = "";
    int err = read_mode(p, node);

    if (!err) {
        err = read_code(p);
    }
    if (err) {
        return err;
    }
    read_slots(board);
    if (board->map.image_count == 0) {
        return refuse(p, "no slot0_partition; label one partition so");
    }
    err = read_sizes(p, node);
    if (err) {
        return err;
    }
    if (dfu_slot_map_check(&board->map, &culprit)) {
        return refuse(p, "the slots do not suit their mode: %s", culprit);
    }
    board->code = board->code ? board->code : board->map.images[0].primary;
    if (!may_run_from(&board->map, board->code)) {
        return refuse(p, "zephyr,code-partition is %s, but in this mode applications run from %s",
                      board->code->label, board->map.images[0].primary->label);
    }
    board->boot = dfu_board_area(board, "boot_partition");
    board->storage = dfu_board_area(board, "storage_partition");
    read_flasher(p);
    return DFU_OK;
}

/* libfdt's own check follows a null pointer in blobs of the old versions, which dtc has not
 * written for long. */
static bool is_blob(const void *dtb, size_t len)
{
    return len >= sizeof(struct fdt_header) && len <= DFU_BOARD_BLOB_MAX &&
           fdt_version(dtb) >= FDT_LAST_SUPPORTED_VERSION && fdt_check_full(dtb, len) == 0;
}

int dfu_board_parse(struct dfu_board *board, const void *dtb, size_t len, const char *what,
                    char *why, size_t cap)
{
    struct parser p = { board, NULL, what, why, cap };
    int err;

    *board = (struct dfu_board){ 0 };
    if (!is_blob(dtb, len)) {
        return refuse(&p, "not a devicetree blob; compile it with dtc -@");
    }
    board->fdt = malloc(len);
    if (!board->fdt) {
        return refuse(&p, "out of memory");
    }
    memcpy(board->fdt, dtb, len);
    p.fdt = board->fdt;
    err = read_partitions(&p);
    if (!err) {
        err = read_map(&p);
    }
    if (err) {
        dfu_board_free(board);
    }
    return err;
}
