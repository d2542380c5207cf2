/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/permit.h"

#include <string.h>

#include "dfu/err.h"
#include "image/verdict.h"

struct dfu_boot_place *permit_run(struct dfu_boot_result *out, uint8_t image,
                                  const struct dfu_area *area, uint8_t slot,
                                  const struct dfu_verdict *verdict)
{
    struct dfu_boot_place *place = &out->places[image];

    *place = (struct dfu_boot_place){ .area = area, .slot = slot, .verdict = *verdict };
    return place;
}

void permit_unchecked(struct dfu_verdict *verdict)
{
    verdict_waive(verdict);
}

void permit_withdraw(struct dfu_boot_result *out)
{
    memset(out->places, 0, sizeof out->places);
    out->area = NULL;
}

/* Asked of the configuration each time: a word in memory is no leave to skip checks. */
static bool leaves_unchecked(const struct dfu_boot_config *cfg)
{
    return !cfg->validate_primary || cfg->validate_once;
}

static bool is_permitted(const struct dfu_boot_config *cfg, const struct dfu_boot_place *place)
{
    if (dfu_verdict_is_trusted(&place->verdict)) {
        return true;
    }
    return leaves_unchecked(cfg) && verdict_is_waived(&place->verdict);
}

static uint32_t count_permits(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    volatile uint32_t permitted = 0;

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        if (out->places[i].area && is_permitted(cfg, &out->places[i])) {
            permitted++;
        }
    }
    return permitted;
}

static uint32_t count_places(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    volatile uint32_t places = 0;

    for (uint8_t i = 0; i < cfg->map->image_count; i++) {
        if (out->places[i].area) {
            places++;
        }
    }
    return places;
}

int permit_check(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    volatile int result = DFU_ERR_VERIFY;

    if (out->places[0].area && is_permitted(cfg, &out->places[0]) &&
        count_permits(cfg, out) == count_places(cfg, out)) {
        result = DFU_OK;
    }
    if (result != DFU_OK || !is_permitted(cfg, &out->places[0])) {
        permit_withdraw(out);
        return DFU_ERR_VERIFY;
    }
    return result;
}
