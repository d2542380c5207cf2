/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "nor.h"

#include <stdio.h>
#include <stdlib.h>

static void *must_calloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory) {
        (void)fprintf(stderr, "out of memory\n");
        abort();
    }
    return memory;
}

struct nor *nor_new(uint32_t sector_size, uint32_t sector_count, uint8_t write_size, uint8_t erased)
{
    struct nor *nor = must_calloc(1, sizeof *nor);
    uint32_t size = sector_size * sector_count;

    nor->run = (struct dfu_sector_run){ sector_size, sector_count };
    nor->flash = (struct dfu_sim_flash){
        .mem = must_calloc(size, 1),
        .programmed = must_calloc((size / write_size + 7) / 8, 1),
        .wear = must_calloc(sector_count, sizeof(uint32_t)),
        .size = size,
        .write_size = write_size,
        .erased = erased,
        .runs = &nor->run,
        .run_count = 1,
    };
    dfu_sim_flash_format(&nor->flash);
    return nor;
}

void nor_free(struct nor *nor)
{
    free(nor->flash.mem);
    free(nor->flash.programmed);
    free(nor->flash.wear);
    free(nor);
}

const struct dfu_area *nor_area(struct nor *nor, const char *label, uint32_t count)
{
    unsigned i = nor->area_count++;
    uint32_t base = i > 0 ? nor->areas[i - 1].base + nor->areas[i - 1].size : 0;

    if (i >= NOR_AREAS_MAX) {
        abort();
    }
    nor->runs[i] = (struct dfu_sector_run){ nor->run.size, count };
    nor->areas[i] =
        dfu_sim_flash_area(&nor->flash, label, base, nor->run.size * count, &nor->runs[i], 1);
    return &nor->areas[i];
}

struct dfu_slot_map nor_two_slots(struct nor *nor, uint32_t sectors)
{
    struct dfu_slot_map map = {
        .mode = DFU_MODE_SWAP_MOVE, .max_align = 8, .max_sectors = 128, .image_count = 1
    };

    map.images[0].primary = nor_area(nor, "slot0_partition", sectors);
    map.images[0].secondary = nor_area(nor, "slot1_partition", sectors);
    return map;
}

uint32_t test_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}
