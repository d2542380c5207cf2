/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* How others call what slots.c computes with; apart, because firmware may have that computed when it
 * is built. */
#include "dfu/slots.h"

uint8_t dfu_mode_number(enum dfu_boot_mode mode)
{
    return (uint8_t)(mode == DFU_MODE_RAM_LOAD_REVERT ? DFU_MODE_RAM_LOAD : mode);
}

const char *dfu_slot_fit_text(enum dfu_slot_fit fit)
{
    switch (fit) {
    case DFU_SLOTS_FIT: return "slots are compatible";
    case DFU_SLOTS_TOO_MANY_SECTORS: return "more sectors than allowed";
    case DFU_SLOTS_SECTORS_DIFFER: return "slots have non-compatible sectors";
    case DFU_SLOTS_SCRATCH_TOO_SMALL: return "not all sectors fit inside scratch";
    case DFU_SLOTS_SIZES_DIFFER: return "slots are not compatible";
    case DFU_SLOTS_COUNT_DIFFERS: return "not a compatible amount of sectors";
    case DFU_SLOTS_LAYOUT_DIFFERS: return "not same sector layout";
    }
    return "unknown";
}
