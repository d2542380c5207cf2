/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/place.h"

#include "base/bytes.h"
#include "boot/check.h"
#include "boot/permit.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"
#include "image/fixed.h"

static bool is_loader(const struct boot_pair *pair, const struct dfu_area *area)
{
    return area != pair->primary;
}

static void verify(const struct boot_pair *pair, const struct dfu_area *area,
                   struct dfu_image_report *report)
{
    struct dfu_image_policy policy = copied_policy(&cfg_of(pair)->policy);
    struct dfu_area_span span = { area, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);

    policy.body_is_clear = true; /* it runs where it lies */
    check_image(&(struct check_subject){ pair->kept, &policy, &reader,
                                         slot_image_limit(cfg_of(pair)->map, area), pair->image,
                                         !is_loader(pair, area) },
                report);
}

int place_check_magic(const struct boot_pair *pair, const struct dfu_area *area,
                      struct dfu_verdict *verdict)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    struct dfu_image_header header;
    int err = dfu_area_read(area, 0, raw, sizeof raw);

    if (err) {
        return err == DFU_ERR_POWER ? err : DFU_ERR_VERIFY;
    }
    if (dfu_image_header_parse(raw, &header) != DFU_IMAGE_FINE) {
        boot_emit(pair, (struct dfu_boot_event){
                            .id = DFU_BOOT_EV_BAD_MAGIC, .a = get_le32(raw), .b = pair->image });
        return DFU_ERR_VERIFY;
    }
    permit_unchecked(verdict);
    return DFU_OK;
}

int place_check(const struct boot_pair *pair, const struct dfu_area *area,
                enum dfu_image_fault *fault, struct dfu_verdict *verdict)
{
    struct dfu_image_header header;
    struct dfu_image_report report = { .key_index = -1 };

    *fault = DFU_IMAGE_FINE;
    if (!cfg_of(pair)->validate_primary) {
        return place_check_magic(pair, area, verdict);
    }
    verify(pair, area, &report);
    *verdict = report.verdict;
    if (dfu_verdict_is_trusted(&report.verdict) && slot_header_read(area, 0, &header) == DFU_OK &&
        (header.flags & DFU_IMAGE_F_NON_BOOTABLE) == 0) {
        return DFU_OK;
    }
    *fault = report.fault;
    boot_emit(pair,
              (struct dfu_boot_event){ .id = DFU_BOOT_EV_INVALID_SLOT,
                                       .a = pair->image,
                                       .b = report.fault,
                                       .text = is_loader(pair, area) ? "secondary" : "primary" });
    return DFU_ERR_VERIFY;
}

int place_report(const struct boot_pair *pair, const struct dfu_area *area,
                 const struct dfu_verdict *verdict, struct dfu_boot_result *out)
{
    struct dfu_image_header header = { 0 };

    if (slot_header_read(area, 0, &header)) {
        return DFU_ERR_VERIFY;
    }
    permit_run(out, pair->image, area, is_loader(pair, area), verdict)->is_loader =
        is_loader(pair, area);
    if (pair->image == 0) {
        out->header = header;
    }
    return DFU_OK;
}

int place_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out)
{
    const struct dfu_slot_pair *slots = &cfg->map->images[image];
    const struct boot_pair pair = { .kept = keep_boot(cfg),
                                    .primary = slots->primary,
                                    .secondary = slots->secondary,
                                    .image = image };

    out->fit = DFU_SLOTS_FIT;
    verify(&pair, slots->primary, &out->primary_report);
    if (slots->secondary) {
        verify(&pair, slots->secondary, &out->secondary_report);
    }
    return dfu_slot_state_read(cfg->map, slots->primary, &out->primary);
}
