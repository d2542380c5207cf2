/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/depend.h"

#include "boot/slot_ops.h"
#include "dfu/err.h"

static bool meets(const struct dfu_boot_config *cfg, const struct swap_place *places,
                  const struct dfu_image_dependency *wanted)
{
    struct dfu_image_header header;

    if (wanted->image >= cfg->map->image_count || !places[wanted->image].area ||
        slot_header_read(places[wanted->image].area, places[wanted->image].off, &header)) {
        return false;
    }
    return dfu_image_version_compare(&header.version, &wanted->min_version,
                                     cfg->compare_build_number) >= 0;
}

static bool is_met(const struct dfu_boot_config *cfg, const struct swap_place *places,
                   const struct dfu_image *image)
{
    struct dfu_image_dependency wanted;
    uint32_t cursor = 0;
    int more;

    while ((more = dfu_image_next_dependency(image, &cursor, &wanted)) > 0) {
        if (!meets(cfg, places, &wanted)) {
            return false;
        }
    }
    return more == 0;
}

uint8_t depend_first_unmet(const struct dfu_boot_config *cfg, const struct swap_place *places)
{
    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        struct dfu_area_span span = { places[i].area, places[i].off };
        struct dfu_reader reader;
        struct dfu_image image;

        if (!places[i].area) {
            continue;
        }
        reader = dfu_area_reader(&span);
        if (dfu_image_open(&image, &reader, 0) == DFU_IMAGE_FINE && !is_met(cfg, places, &image)) {
            return i;
        }
    }
    return cfg->map->image_count;
}
