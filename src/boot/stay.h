/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* stay.h - whether an image is here to stay: without a trailer, or confirmed. */
#ifndef DFU_BOOT_STAY_H
#define DFU_BOOT_STAY_H

#include "boot/pick.h"
#include "dfu/err.h"

static inline bool is_here_to_stay(const struct dfu_boot_config *cfg,
                                   const struct dfu_boot_place *place)
{
    struct dfu_slot_state state;

    if (cfg->strategy->pick && !cfg->strategy->pick->reverts) {
        return true; /* there are no trials */
    }
    if (dfu_slot_state_read(cfg->map, place->area, &state) != DFU_OK) {
        return false;
    }
    /* Where images are swapped, a torn confirmation stops the way back as a whole one does. */
    return state.magic != DFU_MAGIC_GOOD || state.image_ok == DFU_FLAG_SET ||
           (!cfg->strategy->pick && state.image_ok == DFU_FLAG_BAD);
}

#endif
