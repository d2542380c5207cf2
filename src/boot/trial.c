/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/trial.h"

#include "dfu/err.h"

enum trial_state trial_state(const struct boot_pair *pair, const struct dfu_area *area)
{
    struct dfu_slot_state state;
    bool was_started;

    if (dfu_slot_state_read(cfg_of(pair)->map, area, &state)) {
        return TRIAL_UNREADABLE;
    }
    was_started = state.copy_done == DFU_FLAG_SET || state.swap_type != DFU_SWAP_NONE;
    if (state.magic != DFU_MAGIC_GOOD) {
        return TRIAL_NEVER_ASKED;
    }
    if (!was_started && !(state.copy_done == DFU_FLAG_BAD && state.image_ok == DFU_FLAG_SET)) {
        return TRIAL_NEW;
    }
    return state.image_ok == DFU_FLAG_SET ? TRIAL_CONFIRMED : TRIAL_FAILED;
}

int trial_begin(const struct boot_pair *pair, const struct dfu_area *area)
{
    int err = dfu_trailer_write_copy_done(cfg_of(pair)->map, area);

    if (err && err != DFU_ERR_POWER) {
        err = dfu_trailer_write_swap_info(cfg_of(pair)->map, area, DFU_SWAP_TEST, pair->image);
    }
    return err;
}
