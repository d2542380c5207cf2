/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The decision tables of MCUboot (bootloader spec 3.1, 3.2, 4.10), with its defects B3 and B6
 * left out. */
#include "boot/decide.h"

static const struct dfu_slot_state empty_trailer = {
    .magic = DFU_MAGIC_UNSET,
    .image_ok = DFU_FLAG_UNSET,
    .copy_done = DFU_FLAG_UNSET,
    .swap_type = DFU_SWAP_NONE,
};

enum boot_source boot_source_of(enum dfu_boot_mode mode, const struct dfu_slot_state *primary,
                                const struct dfu_slot_state *secondary)
{
    bool has_status = mode == DFU_MODE_SWAP_MOVE;

    return has_status && primary->magic == DFU_MAGIC_GOOD && primary->copy_done == DFU_FLAG_UNSET &&
                   secondary->magic != DFU_MAGIC_GOOD
               ? BOOT_SOURCE_PRIMARY
               : BOOT_SOURCE_NONE;
}

/* The request moves to the primary's trailer before it is erased from the secondary's. If that
 * erase is torn, the secondary's magic may survive its image_ok: read by the table alone, a
 * permanent swap or a revert would begin again as a trial, or not at all. The primary's trailer is
 * then the only whole one and must be kept. */
static bool is_torn_permanent_request(const struct boot_facts *facts)
{
    const struct dfu_slot_state *primary = &facts->primary;
    const struct dfu_slot_state *secondary = &facts->secondary;

    return facts->mode == DFU_MODE_SWAP_MOVE && facts->is_size_known &&
           primary->magic == DFU_MAGIC_GOOD && primary->copy_done == DFU_FLAG_UNSET &&
           (primary->swap_type == DFU_SWAP_PERM || primary->swap_type == DFU_SWAP_REVERT) &&
           secondary->magic == DFU_MAGIC_GOOD && secondary->image_ok != DFU_FLAG_SET &&
           secondary->swap_type != DFU_SWAP_TEST;
}

struct boot_decision boot_decide(const struct boot_facts *facts)
{
    const struct dfu_slot_state *primary = &facts->primary;
    enum dfu_swap_type type;

    if (!facts->can_upgrade) {
        return (struct boot_decision){ BOOT_KEEP, DFU_SWAP_NONE, false, DFU_BOOT_WHY_BLOCKED };
    }
    if (boot_source_of(facts->mode, primary, &facts->secondary) != BOOT_SOURCE_NONE) {
        if (facts->done > 0) {
            return (struct boot_decision){ BOOT_RESUME, primary->swap_type, true,
                                           DFU_BOOT_WHY_RECORDS };
        }
        if (primary->swap_type != DFU_SWAP_NONE) {
            return (struct boot_decision){ BOOT_UPGRADE, primary->swap_type, true,
                                           DFU_BOOT_WHY_TRAILER };
        }
    }
    if (is_torn_permanent_request(facts)) {
        return (struct boot_decision){ BOOT_UPGRADE, primary->swap_type, true,
                                       DFU_BOOT_WHY_TORN_REQUEST };
    }
    type = dfu_swap_type_of(facts->mode, primary, &facts->secondary);
    return (struct boot_decision){ type == DFU_SWAP_NONE ? BOOT_KEEP : BOOT_UPGRADE, type, false,
                                   DFU_BOOT_WHY_TABLE };
}

static enum boot_cleaning clean_empty(const struct boot_facts *facts, struct boot_decision decision,
                                      enum boot_check check, enum dfu_swap_type left)
{
    bool is_stuck_revert =
        left == DFU_SWAP_REVERT || (decision.is_recorded && decision.type == DFU_SWAP_REVERT);

    if (facts->mode == DFU_MODE_OVERWRITE) {
        /* A copy destroys the secondary's header before its trailer; the primary's magic says that
         * one was made. MCUboot leaves the request there for good (B6). */
        return check == BOOT_CHECK_EMPTY && facts->primary.magic == DFU_MAGIC_GOOD &&
                       facts->secondary.magic == DFU_MAGIC_GOOD
                   ? BOOT_CLEAN_SECONDARY_TRAILER
                   : BOOT_CLEAN_NOTHING;
    }
    return facts->mode == DFU_MODE_SWAP_MOVE && is_stuck_revert ? BOOT_CLEAN_BOTH_TRAILERS
                                                                : BOOT_CLEAN_SECONDARY_TRAILER;
}

struct boot_settlement boot_settle(const struct boot_facts *facts, struct boot_decision decision,
                                   enum boot_check check)
{
    struct boot_settlement out = {
        /* A swap that was begun and cannot go on: the primary stays, and is told that it does. */
        .type = decision.is_recorded ? DFU_SWAP_FAIL : DFU_SWAP_NONE,
        .cleaning = BOOT_CLEAN_SECONDARY,
        .left = dfu_swap_type_of(facts->mode, &facts->primary, &empty_trailer),
    };

    switch (check) {
    case BOOT_CHECK_GOOD:
        out.type = decision.type;
        out.cleaning = BOOT_CLEAN_NOTHING;
        break;
    case BOOT_CHECK_EMPTY:
    case BOOT_CHECK_NOT_BOOTABLE:
        out.cleaning = clean_empty(facts, decision, check, out.left);
        break;
    case BOOT_CHECK_INVALID: break;
    case BOOT_CHECK_TOO_OLD: out.type = DFU_SWAP_NONE; break;
    case BOOT_CHECK_UNREADABLE: /* perhaps next time */
        out.type = DFU_SWAP_NONE;
        out.cleaning = BOOT_CLEAN_NOTHING;
        break;
    }
    return out;
}
