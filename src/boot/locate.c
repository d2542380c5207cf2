/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/locate.h"

#include "base/bytes.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

static enum dfu_swap_type asked_for(const struct boot_pair *pair)
{
    const struct dfu_slot_map *map = cfg_of(pair)->map;
    struct dfu_slot_state primary, secondary;

    if (dfu_slot_state_read(map, pair->primary, &primary) ||
        dfu_slot_state_read(map, pair->secondary, &secondary)) {
        return DFU_SWAP_NONE;
    }
    return dfu_swap_type_of(map->mode, &primary, &secondary);
}

void locate_announce(const struct boot_pair *pair)
{
    if (dfu_slot_upload_offset(cfg_of(pair)->map, pair->image) > 0) {
        boot_emit(pair, (struct dfu_boot_event){
                            .id = DFU_BOOT_EV_SWAP_TYPE, .a = pair->image, .b = asked_for(pair) });
    }
}

/* The magic alone, as MCUboot: what else a header holds is judged where it is verified. */
static int find_magic(const struct dfu_area *area, uint32_t off)
{
    uint8_t raw[4];
    int err = dfu_area_read(area, off, raw, sizeof raw);

    return err || get_le32(raw) == DFU_IMAGE_MAGIC ? err : DFU_ERR_FORMAT;
}

int locate_update(struct boot_pair *pair, enum dfu_swap_type recorded, enum dfu_swap_type decided)
{
    uint32_t staged = dfu_slot_upload_offset(cfg_of(pair)->map, pair->image);
    bool is_back;
    int err;

    pair->update_off = 0;
    pair->is_misplaced = false;
    if (staged == 0) {
        return DFU_OK;
    }
    if (recorded != DFU_SWAP_REVERT) {
        locate_announce(pair);
    }
    is_back = decided == DFU_SWAP_REVERT || asked_for(pair) == DFU_SWAP_REVERT;
    pair->update_off = is_back ? 0 : staged;
    err = find_magic(pair->secondary, pair->update_off);
    if (err != DFU_ERR_FORMAT) {
        return err;
    }
    locate_announce(pair);
    pair->update_off = staged - pair->update_off;
    err = find_magic(pair->secondary, pair->update_off);
    pair->is_misplaced = err == DFU_OK;
    return err == DFU_ERR_FORMAT ? DFU_OK : err;
}
