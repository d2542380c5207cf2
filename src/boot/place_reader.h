/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* place_reader.h - read an image where it will run, in its slot or in RAM. */
#ifndef DFU_BOOT_PLACE_READER_H
#define DFU_BOOT_PLACE_READER_H

#include "dfu/boot.h"

struct place_span {
    struct dfu_area_span area;
    struct dfu_memory_span ram;
};

/* span must outlive the reader. */
static inline struct dfu_reader place_reader(const struct dfu_boot_place *place,
                                             struct place_span *span)
{
    span->area = (struct dfu_area_span){ place->area, place->off };
    span->ram = (struct dfu_memory_span){ place->ram, place->ram_len };
    return place->ram ? dfu_memory_reader(&span->ram) : dfu_area_reader(&span->area);
}

#endif
