/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "layout.h"

#include <stdio.h>
#include <string.h>

static const char *const names[LAYOUTS] = { "equal", "mixed",    "coarse",
                                            "fine",  "crossing", "smaller" };

const char *layout_name(enum layout layout)
{
    return names[layout];
}

char *layout_names(unsigned set, char *out, size_t size)
{
    out[0] = '\0';
    for (int i = 0; i < LAYOUTS; i++) {
        size_t len = strlen(out);

        if ((set & 1u << i) != 0) {
            (void)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", names[i]);
        }
    }
    return out;
}

void layout_add(struct world_area_spec *area, uint32_t size, uint32_t count)
{
    area->runs[area->run_count++] = (struct dfu_sector_run){ size, count };
    area->size += size * count;
}

/* Half a slot of one sector size, then half of another. */
void layout_slot(struct world_area_spec *area, enum layout layout, bool is_primary, uint32_t size,
                 uint32_t count)
{
    static const uint8_t factors[LAYOUTS][2][2] = {
        [LAYOUT_MIXED] = { { 2, 1 }, { 2, 1 } },
        [LAYOUT_COARSE] = { { 1, 1 }, { 2, 2 } },
        [LAYOUT_FINE] = { { 2, 2 }, { 1, 1 } },
        [LAYOUT_CROSSING] = { { 1, 2 }, { 2, 1 } },
    };
    const uint8_t *factor = factors[layout][is_primary ? 0 : 1];

    if (layout == LAYOUT_SMALLER) {
        layout_add(area, size, is_primary ? count : count - count / 4);
        return;
    }
    if (layout == LAYOUT_EQUAL) {
        layout_add(area, size, count);
        return;
    }
    for (int half = 0; half < 2; half++) {
        layout_add(area, size * factor[half], count / 2 / factor[half]);
    }
}
