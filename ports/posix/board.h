/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* board.h - a board file (boards/README.md) as slot map, areas and flash devices.
 *
 * The board owns everything it points to and must not move in memory; areas are not usable
 * before dfu_board_attach gave their device a driver (every access fails with DFU_ERR_IO), the
 * geometry is. Every byte of a board file is treated as hostile. */
#ifndef DFU_POSIX_BOARD_H
#define DFU_POSIX_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/flash.h"
#include "dfu/sim_flash.h"
#include "dfu/slots.h"

#define DFU_BOARD_FLASHES_MAX 4u
#define DFU_BOARD_AREAS_MAX   32u
#define DFU_BOARD_RUNS_MAX    8u
#define DFU_BOARD_BLOB_MAX    262144u

/* One flash device. */
struct dfu_board_flash {
    const char *name; /* its label, or its node name */
    uint32_t address; /* where the processor sees it, if it does */
    bool is_mapped;   /* whether it does */
    uint32_t size;
    uint8_t write_size, erased;
    struct dfu_sector_run runs[DFU_BOARD_RUNS_MAX];
    uint8_t run_count;
    const struct dfu_sim_timing *timing; /* NULL: the part is not known */
};

/* One partition, in the order of the board file; the index is its id. */
struct dfu_board_area {
    struct dfu_area area; /* area.label is its first label: "slot0_partition" */
    uint8_t flash;        /* index of its device */
    int node;             /* in the blob */
    struct dfu_sector_run runs[DFU_BOARD_RUNS_MAX];
};

struct dfu_board {
    char name[64];
    struct dfu_board_flash flashes[DFU_BOARD_FLASHES_MAX];
    uint8_t flash_count;
    struct dfu_board_area areas[DFU_BOARD_AREAS_MAX];
    uint8_t area_count;
    struct dfu_slot_map map;
    const struct dfu_area *code;    /* chosen zephyr,code-partition: what applications run from */
    const struct dfu_area *boot;    /* boot_partition, or NULL */
    const struct dfu_area *storage; /* storage_partition, or NULL */
    /* Of the node "dfukit,flasher", how programs that write flash name chip and probe; or NULL. */
    const char *openocd, *pyocd, *nrfjprog;
    void *fdt; /* the blob that names point into */
};

/* Bytes of all its flashes together; sectors of one. */
size_t dfu_board_size(const struct dfu_board *board);
size_t dfu_board_flash_sectors(const struct dfu_board_flash *flash);

/* The driver of areas that have none: every access fails with DFU_ERR_IO. */
extern const struct dfu_flash_ops dfu_board_unattached;

/* name: of a file in the boards folder (DFU_BOARDS_DIR in the environment, else where this build
 * keeps them), without ".dtb"; or a path, told by its '/' or its ".dtb". On an error *board needs
 * no free and why holds a sentence: DFU_ERR_NOENT (no such board), DFU_ERR_IO (cannot be read),
 * DFU_ERR_FORMAT (not a board that makes sense). */
int dfu_board_load(struct dfu_board *board, const char *name, char *why, size_t cap);

/* The same from memory; what names the origin in messages. The bytes are copied. */
int dfu_board_parse(struct dfu_board *board, const void *dtb, size_t len, const char *what,
                    char *why, size_t cap);

void dfu_board_free(struct dfu_board *board);

/* The names of all boards in the folder that dfu_board_load looks into first. */
void dfu_board_each(void (*found)(void *ctx, const char *name), void *ctx);

/* Give the areas of one device their driver. */
void dfu_board_attach(struct dfu_board *board, unsigned flash, const struct dfu_flash_ops *ops,
                      void *ctx);

/* Where simulated flash keeps what it knows of one device after the other. */
struct dfu_board_memory {
    uint8_t *mem;        /* dfu_board_size() in all */
    uint8_t *programmed; /* a byte for each of these will do, zero */
    uint32_t *wear;      /* of each sector */
};

/* One device as simulated flash on this memory, which then begins behind it; its areas lead there. What
 * mem holds is to be adopted or formatted. */
void dfu_board_simulate(struct dfu_board *board, uint8_t flash, struct dfu_board_memory *memory,
                        struct dfu_sim_flash *out);

/* By any of its labels: "slot0_partition", "image_0_primary_partition", "image-0". */
const struct dfu_area *dfu_board_area(const struct dfu_board *board, const char *label);

/* The id that an area has on its board, or -1. */
int dfu_board_area_id(const struct dfu_board *board, const struct dfu_area *area);

#endif
