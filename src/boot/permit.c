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

bool permit_is_marked(const struct dfu_boot_config *cfg, const struct dfu_area *area)
{
    struct dfu_slot_state state;

    return dfu_slot_state_read(cfg->map, area, &state) == DFU_OK && state.magic == DFU_MAGIC_GOOD &&
           state.image_ok == DFU_FLAG_SET;
}

/* Asked of the configuration and of the slot each time: a word in memory is no leave to skip
 * checks. */
static bool leaves_unchecked(const struct dfu_boot_config *cfg, const struct dfu_boot_place *place)
{
    return !cfg->validate_primary || (cfg->validate_once && permit_is_marked(cfg, place->area));
}

static bool is_permitted(const struct dfu_boot_config *cfg, const struct dfu_boot_place *place)
{
    if (dfu_verdict_is_trusted(&place->verdict)) {
        return true;
    }
    return verdict_is_waived(&place->verdict) && leaves_unchecked(cfg, place);
}

/* An image that nothing was found of has no place. A loader runs without the others. */
static bool are_permitted(const struct dfu_boot_config *cfg, const struct dfu_boot_result *out)
{
    uint8_t count = out->places[0].is_loader ? 1 : cfg->map->image_count;

    for (uint8_t i = 0; i < count; i++) {
        if (!out->places[i].area || !is_permitted(cfg, &out->places[i])) {
            return false;
        }
    }
    return true;
}

/* dfu_boot_may_run() asks all of this again. */
int permit_check(const struct dfu_boot_config *cfg, struct dfu_boot_result *out)
{
    if (!are_permitted(cfg, out)) {
        permit_withdraw(out);
        return DFU_ERR_VERIFY;
    }
    return DFU_OK;
}

bool dfu_boot_may_run(const struct dfu_boot_config *cfg, const struct dfu_boot_result *result)
{
    return result->area && result->header.hdr_size >= DFU_IMAGE_HEADER_SIZE &&
           are_permitted(cfg, result);
}
