/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/fill.h"

#include <string.h>

#include "boot/look.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

/* 1 if both slots have the same header, but not the same unprotected TLVs; 0, or a negative error. */
static int do_tlvs_differ(const struct boot_pair *pair)
{
    static const struct slot_cipher none = { NULL, 0 };
    struct slot_extent extent;
    int err = slot_image_extent(pair->secondary, pair->update_off, &extent);
    int equal = err ? err
                    : slot_is_equal(pair, none, pair->primary, 0, pair->secondary, pair->update_off,
                                    DFU_IMAGE_HEADER_SIZE);

    if (equal > 0) {
        equal = slot_is_equal(pair, none, pair->primary, extent.tlvs, pair->secondary,
                              pair->update_off + extent.tlvs, extent.end - extent.tlvs);
        return equal < 0 ? equal : !equal;
    }
    return equal;
}

/* A cut in the last write of a fill can leave an image that verifies, but not all that lies beyond
 * what its hash covers: the key of an encrypted one, without which it could never be swapped out. The
 * magic comes after that write. */
static bool is_unfinished(const struct boot_pair *pair, const struct dfu_image_report *primary)
{
    struct dfu_image_report secondary;
    struct dfu_slot_state state;
    int err = dfu_slot_state_read(cfg_of(pair)->map, pair->primary, &state);

    return !err && state.magic != DFU_MAGIC_GOOD && do_tlvs_differ(pair) > 0 &&
           look_at_secondary(pair, DFU_SWAP_REVERT, true, &secondary) == BOOT_CHECK_GOOD &&
           primary->hash && primary->hash == secondary.hash &&
           memcmp(primary->digest, secondary.digest, primary->hash->size) == 0;
}

bool fill_is_due(const struct boot_pair *pair)
{
    struct dfu_image_report primary;

    return look_at_primary(pair, &primary) != BOOT_CHECK_GOOD || is_unfinished(pair, &primary);
}
