/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "board.h"

#include <dirent.h>
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "board_fdt.h"
#include "dfu/err.h"

#define PATH_CAP  512
#define NAMES_CAP 192

size_t dfu_board_size(const struct dfu_board *board)
{
    size_t size = 0;

    for (uint32_t i = 0; i < board->flash_count; i++) {
        size += board->flashes[i].size;
    }
    return size;
}

size_t dfu_board_flash_sectors(const struct dfu_board_flash *flash)
{
    size_t count = 0;

    for (uint32_t i = 0; i < flash->run_count; i++) {
        count += flash->runs[i].count;
    }
    return count;
}

/* ---- Areas before they are attached ---- */

static int no_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx, (void)off, (void)buf, (void)len;
    return DFU_ERR_IO;
}

static int no_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    (void)ctx, (void)off, (void)buf, (void)len;
    return DFU_ERR_IO;
}

static int no_erase(void *ctx, uint32_t off, size_t len)
{
    (void)ctx, (void)off, (void)len;
    return DFU_ERR_IO;
}

const struct dfu_flash_ops dfu_board_unattached = { no_read, no_write, no_erase };

void dfu_board_attach(struct dfu_board *board, unsigned flash, const struct dfu_flash_ops *ops,
                      void *ctx)
{
    for (uint32_t i = 0; i < board->area_count; i++) {
        if (board->areas[i].flash == flash) {
            board->areas[i].area.ops = ops;
            board->areas[i].area.ctx = ctx;
        }
    }
}

void dfu_board_simulate(struct dfu_board *board, uint8_t flash, struct dfu_board_memory *memory,
                        struct dfu_sim_flash *out)
{
    const struct dfu_board_flash *of = &board->flashes[flash];
    struct dfu_area all;

    *out = (struct dfu_sim_flash){
        .mem = memory->mem,
        .programmed = memory->programmed,
        .wear = memory->wear,
        .size = of->size,
        .write_size = of->write_size,
        .erased = of->erased,
        .runs = of->runs,
        .run_count = of->run_count,
        .timing = of->timing,
    };
    all = dfu_sim_flash_area(out, of->name, 0, of->size, of->runs, of->run_count);
    dfu_board_attach(board, flash, all.ops, all.ctx);
    memory->mem += of->size;
    memory->programmed += of->size / of->write_size / 8 + 1;
    memory->wear += dfu_board_flash_sectors(of);
}

/* ---- Names ---- */

const char *board_fdt_string(const void *fdt, int node, const char *property)
{
    int len;
    const char *value = fdt_getprop(fdt, node, property, &len);

    return value && len > 0 && memchr(value, '\0', (size_t)len) == value + len - 1 ? value : NULL;
}

const char *board_fdt_label(const void *fdt, int node)
{
    int symbols = fdt_path_offset(fdt, "/__symbols__");
    const char *label;
    int property;

    fdt_for_each_property_offset(property, fdt, symbols)
    {
        const char *path;

        if (!fdt_getprop_by_offset(fdt, property, &label, NULL)) {
            continue;
        }
        path = board_fdt_string(fdt, symbols, label);
        if (path && fdt_path_offset(fdt, path) == node) {
            return label;
        }
    }
    label = board_fdt_string(fdt, node, "label");
    if (!label) {
        label = fdt_get_name(fdt, node, NULL);
    }
    return label ? label : "?";
}

const struct dfu_area *board_area_of_node(const struct dfu_board *board, int node)
{
    for (uint32_t i = 0; node >= 0 && i < board->area_count; i++) {
        if (board->areas[i].node == node) {
            return &board->areas[i].area;
        }
    }
    return NULL;
}

const struct dfu_area *dfu_board_area(const struct dfu_board *board, const char *label)
{
    int symbols = fdt_path_offset(board->fdt, "/__symbols__");
    const char *path = symbols >= 0 ? board_fdt_string(board->fdt, symbols, label) : NULL;
    const struct dfu_area *area =
        path ? board_area_of_node(board, fdt_path_offset(board->fdt, path)) : NULL;

    for (uint32_t i = 0; !area && i < board->area_count; i++) {
        const char *own = board_fdt_string(board->fdt, board->areas[i].node, "label");

        if ((own && strcmp(own, label) == 0) || strcmp(board->areas[i].area.label, label) == 0) {
            area = &board->areas[i].area;
        }
    }
    return area;
}

int dfu_board_area_id(const struct dfu_board *board, const struct dfu_area *area)
{
    for (uint32_t i = 0; i < board->area_count; i++) {
        if (area == &board->areas[i].area) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- Files ---- */

static bool is_path(const char *name)
{
    size_t len = strlen(name);

    return strchr(name, '/') || (len > 4 && strcmp(name + len - 4, ".dtb") == 0);
}

/* Open NAME.dtb in the first boards folder that has it; path is then where. */
static FILE *open_board(const char *name, char *path, size_t cap)
{
    const char *const folders[] = { getenv("DFU_BOARDS_DIR"), DFU_BOARDS_DIR,
                                    DFU_BOARDS_INSTALL_DIR };
    FILE *file;

    if (is_path(name)) {
        (void)snprintf(path, cap, "%s", name);
        return fopen(path, "rb");
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (!folders[i]) {
            continue;
        }
        (void)snprintf(path, cap, "%s/%s.dtb", folders[i], name);
        file = fopen(path, "rb");
        if (file || errno != ENOENT) {
            return file;
        }
    }
    errno = ENOENT;
    return NULL;
}

void dfu_board_each(void (*found)(void *ctx, const char *name), void *ctx)
{
    const char *const folders[] = { getenv("DFU_BOARDS_DIR"), DFU_BOARDS_DIR,
                                    DFU_BOARDS_INSTALL_DIR };
    struct dirent **entries = NULL;
    int count = -1;

    for (size_t i = 0; count < 0 && i < sizeof folders / sizeof folders[0]; i++) {
        count = folders[i] ? scandir(folders[i], &entries, NULL, alphasort) : -1;
    }
    for (int i = 0; i < count; i++) {
        const char *file = entries[i]->d_name;
        size_t len = strlen(file);
        char name[64];

        if (len > 4 && len - 4 < sizeof name && strcmp(file + len - 4, ".dtb") == 0) {
            (void)snprintf(name, sizeof name, "%.*s", (int)len - 4, file);
            found(ctx, name);
        }
        free(entries[i]);
    }
    free(entries);
}

static void set_name(struct dfu_board *board, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t len;

    (void)snprintf(board->name, sizeof board->name, "%s", slash ? slash + 1 : name);
    len = strlen(board->name);
    if (len > 4 && strcmp(board->name + len - 4, ".dtb") == 0) {
        board->name[len - 4] = '\0';
    }
}

static void add_name(void *ctx, const char *name)
{
    struct text *text = ctx;

    text_add(text, text->len > 0 ? ", " : "there are ");
    text_add(text, name);
}

static int fail_open(const char *name, int code, char *why, size_t cap)
{
    char names[NAMES_CAP];
    struct text text = text_in(names, sizeof names);

    if (code != ENOENT) {
        (void)snprintf(why, cap, "board %s: %s; check the path", name, strerror(code));
        return DFU_ERR_IO;
    }
    dfu_board_each(add_name, &text);
    (void)snprintf(why, cap, "board %s: no such board; %s%s", name, names,
                   text.len > 0 ? ", or the path of a .dtb file"
                                : "give the path of a .dtb file or set DFU_BOARDS_DIR");
    return DFU_ERR_NOENT;
}

int dfu_board_load(struct dfu_board *board, const char *name, char *why, size_t cap)
{
    char path[PATH_CAP];
    FILE *file = open_board(name, path, sizeof path);
    uint8_t *blob;
    size_t len;
    int err;

    *board = (struct dfu_board){ 0 };
    if (!file) {
        return fail_open(name, errno, why, cap);
    }
    blob = malloc(DFU_BOARD_BLOB_MAX + 1);
    len = blob ? fread(blob, 1, DFU_BOARD_BLOB_MAX + 1, file) : 0;
    if (!blob || ferror(file)) {
        (void)snprintf(why, cap, "%s: cannot be read; check that it is a file", path);
        err = DFU_ERR_IO;
    } else {
        err = dfu_board_parse(board, blob, len, path, why, cap);
    }
    (void)fclose(file);
    free(blob);
    if (!err) {
        set_name(board, name);
    }
    return err;
}

void dfu_board_free(struct dfu_board *board)
{
    free(board->fdt);
    *board = (struct dfu_board){ 0 };
}
