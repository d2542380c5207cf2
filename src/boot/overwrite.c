/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Overwrite only (bootloader spec 4.5): no way back. When the copy is complete the secondary's
 * header goes first and its request last, so that nothing is lost in between. */
#include "boot/boot.h"
#include "boot/copy.h"
#include "boot/decompress.h"
#include "boot/history.h"

static int retire_secondary(const struct boot_pair *pair)
{
    int err = history_overwritten(pair);

    return err ? err : copy_retire_secondary(pair);
}

/* Of a slot that is smaller than its primary no whole copy can be made. */
static int copy(const struct boot_pair *pair, bool whole)
{
    bool is_smaller =
        cfg_of(pair)->map->decompresses && pair->secondary->size < pair->primary->size;

    return whole && !is_smaller ? copy_slot(pair) : copy_image(pair);
}

static int bring_in(const struct boot_pair *pair, bool whole)
{
    const struct dfu_boot_decompression *how = cfg_of(pair)->decompression;
    int packed = how ? how->is_needed(pair) : 0;
    int err = packed < 0 ? packed : history_overwrites(pair);

    if (!err && packed) {
        err = how->install(pair, whole);
    } else if (!err) {
        err = copy(pair, whole);
    }
    return err ? err : retire_secondary(pair);
}

static int overwrite_whole(const struct boot_pair *pair)
{
    return bring_in(pair, true);
}

static int overwrite_fast(const struct boot_pair *pair)
{
    return bring_in(pair, false);
}

const struct dfu_boot_strategy dfu_boot_overwrite = {
    .mode = DFU_MODE_OVERWRITE,
    .start = boot_upgrade,
    .look = boot_upgrade_look,
    .copy = overwrite_whole,
};

const struct dfu_boot_strategy dfu_boot_overwrite_fast = {
    .mode = DFU_MODE_OVERWRITE,
    .start = boot_upgrade,
    .look = boot_upgrade_look,
    .copy = overwrite_fast,
};
