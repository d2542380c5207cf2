/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The decision tables of MCUboot (bootloader spec 3.1, 3.2, 4.10), with its defects B3 and B6
 * left out. */
#include "boot/decide.h"

#define SCRATCH_STATES 3u /* records of one operation of a scratch swap */

static const struct dfu_slot_state empty_trailer = {
    .magic = DFU_MAGIC_UNSET,
    .image_ok = DFU_FLAG_UNSET,
    .copy_done = DFU_FLAG_UNSET,
    .swap_type = DFU_SWAP_NONE,
};

static bool has_begun(const struct dfu_slot_state *trailer)
{
    return trailer->magic == DFU_MAGIC_GOOD && trailer->copy_done == DFU_FLAG_UNSET;
}

static bool has_status_in_primary(enum dfu_boot_mode mode)
{
    return mode == DFU_MODE_SWAP_MOVE || mode == DFU_MODE_SWAP_OFFSET;
}

bool boot_is_revert_prepared_twice(const struct boot_facts *facts)
{
    return mode_of(facts) == DFU_MODE_SWAP_OFFSET && has_begun(&facts->primary) &&
           facts->primary.swap_type == DFU_SWAP_REVERT &&
           facts->secondary.magic == DFU_MAGIC_GOOD && facts->secondary.copy_done == DFU_FLAG_SET &&
           facts->secondary.swap_type == DFU_SWAP_REVERT;
}

bool boot_is_noted_twice(const struct boot_facts *facts)
{
    return mode_of(facts) == DFU_MODE_SWAP_SCRATCH && has_begun(&facts->primary) &&
           facts->primary.swap_type != DFU_SWAP_NONE && facts->scratch.magic == DFU_MAGIC_GOOD;
}

/* Once the primary's trailer says that the first operation is done, what is left in scratch is of
 * no use: its erase may have been torn (B2). */
static bool is_scratch_over(const struct boot_facts *facts)
{
    return facts->scratch.magic != DFU_MAGIC_GOOD ||
           (boot_is_noted_twice(facts) && facts->own_done == SCRATCH_STATES);
}

/* A request that is newer than the swap whose records are complete: then only the last flag of
 * that could not be written. */
static bool is_over_but_for_its_flag(const struct boot_facts *facts)
{
    return facts->steps > 0 && facts->done == facts->steps &&
           facts->secondary.magic == DFU_MAGIC_GOOD;
}

static enum boot_source source_with_scratch(const struct boot_facts *facts)
{
    const struct dfu_slot_state *primary = &facts->primary;

    if (!is_scratch_over(facts)) {
        return facts->scratch.image_num == facts->image ? BOOT_SOURCE_SCRATCH : BOOT_SOURCE_NONE;
    }
    if (primary->copy_done != DFU_FLAG_UNSET || primary->magic == DFU_MAGIC_BAD ||
        is_over_but_for_its_flag(facts)) {
        return BOOT_SOURCE_NONE;
    }
    return BOOT_SOURCE_PRIMARY; /* where a primary without a magic has nothing to tell */
}

/* While a scratch swap has no record yet, the request for an update still stands in the secondary:
 * if it does not, this can only be a revert, whichever trailer is torn. */
static enum dfu_swap_type recorded_type(const struct boot_facts *facts, enum boot_source source)
{
    enum dfu_swap_type type =
        source == BOOT_SOURCE_SCRATCH ? facts->scratch.swap_type : facts->primary.swap_type;

    if (mode_of(facts) != DFU_MODE_SWAP_SCRATCH || facts->done > 0) {
        return type;
    }
    if (facts->secondary.magic == DFU_MAGIC_GOOD) {
        return DFU_SWAP_NONE; /* what the table says */
    }
    return facts->scratch.magic == DFU_MAGIC_GOOD && facts->primary.magic == DFU_MAGIC_GOOD &&
                   facts->primary.swap_type == DFU_SWAP_REVERT
               ? DFU_SWAP_REVERT
               : type;
}

enum boot_source boot_source_of(const struct boot_facts *facts)
{
    if (mode_of(facts) == DFU_MODE_SWAP_SCRATCH) {
        return source_with_scratch(facts);
    }
    return has_status_in_primary(mode_of(facts)) && has_begun(&facts->primary) &&
                   (facts->secondary.magic != DFU_MAGIC_GOOD ||
                    (facts->done > 0 && boot_is_revert_prepared_twice(facts)))
               ? BOOT_SOURCE_PRIMARY
               : BOOT_SOURCE_NONE;
}

bool boot_has_begun(const struct boot_facts *facts)
{
    enum boot_source source = boot_source_of(facts);

    return source == BOOT_SOURCE_SCRATCH ||
           (source == BOOT_SOURCE_PRIMARY && facts->primary.magic == DFU_MAGIC_GOOD);
}

/* The request moves to the primary's trailer before it is erased from the secondary's. If that
 * erase is torn, the secondary's magic may survive its image_ok: read by the table alone, a
 * permanent swap or a revert would begin again as a trial, or not at all. The primary's trailer is
 * then the only whole one and must be kept. */
static bool is_torn_permanent_request(const struct boot_facts *facts)
{
    const struct dfu_slot_state *primary = &facts->primary;
    const struct dfu_slot_state *secondary = &facts->secondary;

    return has_status_in_primary(mode_of(facts)) && facts->is_size_known &&
           primary->magic == DFU_MAGIC_GOOD && primary->copy_done == DFU_FLAG_UNSET &&
           (primary->swap_type == DFU_SWAP_PERM || primary->swap_type == DFU_SWAP_REVERT) &&
           secondary->magic == DFU_MAGIC_GOOD && secondary->image_ok != DFU_FLAG_SET &&
           secondary->swap_type != DFU_SWAP_TEST;
}

struct boot_decision boot_decide(const struct boot_facts *facts)
{
    const struct dfu_slot_state *primary = &facts->primary;
    enum boot_source source;
    enum dfu_swap_type type;
    bool is_possible;

    if (!facts->can_upgrade) {
        return (struct boot_decision){ BOOT_KEEP, DFU_SWAP_NONE, false, DFU_BOOT_WHY_BLOCKED };
    }
    source = boot_source_of(facts);
    if (source != BOOT_SOURCE_NONE) {
        type = recorded_type(facts, source);
        if (facts->done > 0) {
            return (struct boot_decision){ BOOT_RESUME, type, true, DFU_BOOT_WHY_RECORDS };
        }
        if (type != DFU_SWAP_NONE) {
            return (struct boot_decision){ BOOT_UPGRADE, type, true, DFU_BOOT_WHY_TRAILER };
        }
    }
    if (is_torn_permanent_request(facts)) {
        return (struct boot_decision){ BOOT_UPGRADE, primary->swap_type, true,
                                       DFU_BOOT_WHY_TORN_REQUEST };
    }
    type = dfu_swap_type_of(mode_of(facts), primary, &facts->secondary);
    if (type == DFU_SWAP_PERM && facts->goes_back) {
        return (struct boot_decision){ BOOT_UPGRADE, DFU_SWAP_REVERT, false,
                                       DFU_BOOT_WHY_GOES_BACK };
    }
    is_possible = type != DFU_SWAP_NONE && !(type == DFU_SWAP_REVERT && facts->is_misplaced);
    return (struct boot_decision){ is_possible ? BOOT_UPGRADE : BOOT_KEEP, type, false,
                                   DFU_BOOT_WHY_TABLE };
}

static enum boot_cleaning clean_empty(const struct boot_facts *facts, struct boot_decision decision,
                                      enum boot_check check, enum dfu_swap_type left)
{
    bool is_stuck_revert =
        left == DFU_SWAP_REVERT || (decision.is_recorded && decision.type == DFU_SWAP_REVERT);

    if (mode_of(facts) == DFU_MODE_OVERWRITE) {
        /* A copy destroys the secondary's header before its trailer; the primary's magic says that
         * one was made. MCUboot leaves the request there for good (B6). */
        return check == BOOT_CHECK_EMPTY && facts->primary.magic == DFU_MAGIC_GOOD &&
                       facts->secondary.magic == DFU_MAGIC_GOOD
                   ? BOOT_CLEAN_SECONDARY_TRAILER
                   : BOOT_CLEAN_NOTHING;
    }
    if (mode_of(facts) == DFU_MODE_SWAP_MOVE) {
        return is_stuck_revert ? BOOT_CLEAN_BOTH_TRAILERS : BOOT_CLEAN_SECONDARY_TRAILER;
    }
    /* A trial whose old image is gone comes by here at every start; MCUboot erases each time. */
    return facts->secondary.magic == DFU_MAGIC_UNSET ? BOOT_CLEAN_NOTHING
                                                     : BOOT_CLEAN_SECONDARY_TRAILER;
}

struct boot_settlement boot_settle(const struct boot_facts *facts, struct boot_decision decision,
                                   enum boot_check check)
{
    struct boot_settlement out = {
        /* A swap that was begun and cannot go on: the primary stays, and is told that it does. */
        .type = decision.is_recorded ? DFU_SWAP_FAIL : DFU_SWAP_NONE,
        .cleaning = BOOT_CLEAN_SECONDARY,
        .left = dfu_swap_type_of(mode_of(facts), &facts->primary, &empty_trailer),
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
