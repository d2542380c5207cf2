/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Rows of geometry.jsonl.gz: trailer offsets, largest image, compatibility. */
#include <string.h>

#include "dfu/slots.h"
#include "jsonl.h"
#include "run.h"

static enum dfu_boot_mode mode_of(const char *name)
{
    static const struct {
        const char *name;
        enum dfu_boot_mode mode;
    } modes[] = {
        { "move", DFU_MODE_SWAP_MOVE },        { "offset", DFU_MODE_SWAP_OFFSET },
        { "scratch", DFU_MODE_SWAP_SCRATCH },  { "overwrite", DFU_MODE_OVERWRITE },
        { "direct-xip", DFU_MODE_DIRECT_XIP },
    };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, name) == 0) {
            return modes[i].mode;
        }
    }
    report_fatal("unknown mode %s", name);
    return DFU_MODE_SINGLE_SLOT;
}

static uint32_t field_of(const struct dfu_trailer *trailer, const char *name)
{
    const struct {
        const char *name;
        uint32_t off;
    } fields[] = {
        { "magic", trailer->magic },         { "image_ok", trailer->image_ok },
        { "copy_done", trailer->copy_done }, { "swap_info", trailer->swap_info },
        { "tlv_sizes", trailer->tlv_sizes }, { "swap_size", trailer->swap_size },
        { "status", trailer->status },
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return fields[i].off;
        }
    }
    report_fatal("unknown trailer field %s", name);
    return 0;
}

static void check_fields(const struct world *w, const cJSON *row, struct report *report,
                         const struct spot *spot)
{
    const cJSON *area, *field;

    cJSON_ArrayForEach(area, json_get(row, "fields"))
    {
        struct dfu_trailer trailer;
        int err = dfu_slot_trailer(&w->map, &w->area[case_place(area->string)], &trailer);

        if (err) {
            report_differ(report, spot, "no trailer in %s", area->string);
            continue;
        }
        cJSON_ArrayForEach(field, area)
        {
            uint32_t off = field_of(&trailer, field->string);

            if (off != (uint32_t)field->valueint) {
                report_differ(report, spot, "%s.%s is at 0x%x, recorded 0x%x", area->string,
                              field->string, off, (unsigned)field->valueint);
            }
        }
    }
}

static void check_fit(const struct world *w, const cJSON *row, struct report *report,
                      const struct spot *spot)
{
    const cJSON *compatible = json_get(row, "compatible");
    const cJSON *warning = cJSON_GetObjectItemCaseSensitive(row, "warning");
    const cJSON *max_image = cJSON_GetObjectItemCaseSensitive(row, "max_image");
    enum dfu_slot_fit fit = dfu_slot_compatible(&w->map, 0);
    const cJSON *size;

    if (!cJSON_IsNull(compatible) && (fit == DFU_SLOTS_FIT) != cJSON_IsTrue(compatible)) {
        report_differ(report, spot, "fit is \"%s\"", dfu_slot_fit_text(fit));
    }
    if (warning) {
        const char *right = warning->valuestring + strlen("Cannot upgrade: ");

        if (strcmp(dfu_slot_fit_text(fit), right) != 0) {
            report_differ(report, spot, "the warning is \"%s\", recorded \"%s\"",
                          dfu_slot_fit_text(fit), right);
        }
    }
    /* Slots that are not compatible have no largest image in the recording. */
    cJSON_ArrayForEach(size, max_image)
    {
        if (dfu_slot_max_image(&w->map, 0) != (uint32_t)size->valueint) {
            report_differ(report, spot, "the largest image is %u, recorded %u in %s",
                          dfu_slot_max_image(&w->map, 0), (unsigned)size->valueint, size->string);
        }
    }
}

void run_geometry_row(const cJSON *row, unsigned number, struct report *report)
{
    struct world_spec spec = {
        .mode = mode_of(json_str(row, "mode")),
        .max_align = (uint8_t)json_int(row, "max_align"),
        .max_sectors = (uint16_t)json_int(row, "max_sectors"),
        .erased = 0xff,
    };
    char id[48];
    struct spot spot = { id, -1, -1, -1, NULL };
    struct world w;

    (void)snprintf(id, sizeof id, "geometry/row-%u-%s", number, json_str(row, "mode"));
    report->shown = 0;
    report->tally->rows++;
    case_areas(json_get(row, "areas"), &spec);
    boot_world_init(&w, &spec);
    check_fields(&w, row, report, &spot);
    check_fit(&w, row, report, &spot);
    report->tally->failed_cases += report->shown > 0;
    boot_world_free(&w);
}
