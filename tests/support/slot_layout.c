/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "slot_layout.h"

#include <string.h>

#include "board.h"

struct slot_layout *slot_layout_uniform(struct slot_layout *out, enum dfu_boot_mode mode,
                                        uint32_t sector, uint32_t primary_count,
                                        uint32_t secondary_count)
{
    memset(out, 0, sizeof *out);
    out->runs[0][0] = (struct dfu_sector_run){ sector, primary_count };
    out->runs[1][0] = (struct dfu_sector_run){ sector, secondary_count };
    out->runs[2][0] = (struct dfu_sector_run){ sector, 1 };
    out->pri = (struct dfu_area){
        .ops = &dfu_board_unattached,
        .label = "pri",
        .size = sector * primary_count,
        .runs = out->runs[0],
        .run_count = 1,
        .write_size = 8,
        .erased = 0xff,
    };
    out->sec = out->pri;
    out->sec.label = "sec";
    out->sec.base = out->pri.size;
    out->sec.size = sector * secondary_count;
    out->sec.runs = out->runs[1];
    out->scr = out->sec;
    out->scr.label = "scr";
    out->scr.base = out->sec.base + out->sec.size;
    out->scr.size = sector;
    out->scr.runs = out->runs[2];
    out->map = (struct dfu_slot_map){
        .mode = mode,
        .max_align = 8,
        .max_sectors = 128,
        .image_count = 1,
        .images = { { &out->pri, &out->sec } },
        .scratch = mode == DFU_MODE_SWAP_SCRATCH ? &out->scr : NULL,
    };
    return out;
}
