/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Images that run from RAM (bootloader spec 4.7): the copy is checked before anything is written
 * there, and verified only afterwards, by the caller. */
#include <string.h>

#include "base/bytes.h"
#include "boot/keys.h"
#include "boot/pick.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

#define ENCRYPTED (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)

static int refuse(const struct boot_pair *pair, enum dfu_boot_event_id id, uint32_t b)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = id, .a = pair->image, .b = b });
    return DFU_ERR_VERIFY;
}

static const struct dfu_boot_ram *window_of(const struct boot_pair *pair)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);

    if (!cfg->ram || cfg->ram_count == 0) {
        return NULL;
    }
    return &cfg->ram[cfg->ram_count > pair->image ? pair->image : 0];
}

static bool overlaps(const struct ram_span *a, const struct ram_span *b)
{
    return (uint64_t)a->addr < (uint64_t)b->addr + b->len &&
           (uint64_t)b->addr < (uint64_t)a->addr + a->len;
}

/* Where an image of this size may go, or why not. */
static int find_room(const struct boot_pair *pair, uint32_t addr, uint32_t size,
                     const struct ram_span *taken, struct ram_span *out)
{
    const struct dfu_boot_ram *ram = window_of(pair);

    if (!ram || addr < ram->addr || !span_fits(addr - ram->addr, size, ram->size)) {
        return refuse(pair, DFU_BOOT_EV_RAM_ADDRESS, addr);
    }
    *out = (struct ram_span){ addr, size, ram->mem + (addr - ram->addr) };
    for (uint8_t i = 0; i < cfg_of(pair)->map->image_count; i++) {
        if (i != pair->image && taken[i].len > 0 && overlaps(out, &taken[i])) {
            out->len = 0;
            return refuse(pair, DFU_BOOT_EV_RAM_OVERLAP, addr);
        }
    }
    return DFU_OK;
}

static int copy(const struct boot_pair *pair, const struct dfu_area *area,
                const struct ram_span *ram)
{
    uint32_t n;

    for (uint32_t at = 0; at < ram->len; at += n) {
        int err;

        n = min_u32(ram->len - at, (uint32_t)cfg_of(pair)->buf_len);
        err = dfu_area_read(area, at, ram->mem + at, n);
        if (err) {
            return err;
        }
        boot_feed(pair);
    }
    return DFU_OK;
}

static int decrypt(const struct boot_pair *pair, const struct dfu_area *area,
                   const struct ram_span *ram)
{
    const struct dfu_boot_encryption *encryption = cfg_of(pair)->encryption;
    struct dfu_content_key key;
    int err;

    if (!encryption) {
        return DFU_ERR_NOTSUP;
    }
    err = encryption->find(pair, (struct swap_place){ area, 0 }, &key);
    if (!err) {
        err = key.cipher ? encryption->apply(&key, 0, ram->mem, ram->len) : DFU_ERR_VERIFY;
    }
    wipe_secret(&key, sizeof key);
    return err;
}

static int ram_load(const struct boot_pair *pair, uint8_t slot, const struct ram_span *taken,
                    struct ram_span *out)
{
    const struct dfu_area *area = slot == 0 ? pair->primary : pair->secondary;
    uint32_t limit = slot_image_limit(cfg_of(pair)->map, area);
    struct dfu_image_header header;
    struct slot_extent extent;
    int err = slot_header_read(area, 0, &header);

    if (!err) {
        err = slot_image_extent(area, 0, &extent);
    }
    if (err) {
        return err;
    }
    if ((header.flags & DFU_IMAGE_F_RAM_LOAD) == 0) {
        boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_RAM_NOT_FLAGGED,
                                                 .a = pair->image,
                                                 .text = slot == 0 ? "primary" : "secondary" });
        return DFU_ERR_VERIFY;
    }
    if (extent.end > limit) {
        boot_emit(pair, (struct dfu_boot_event){
                            .id = DFU_BOOT_EV_SIZE_TOO_LARGE, .a = extent.end, .b = limit });
        return DFU_ERR_VERIFY;
    }
    err = find_room(pair, header.load_addr, extent.end, taken, out);
    if (!err) {
        err = copy(pair, area, out);
        if (!err && (header.flags & ENCRYPTED) != 0) {
            err = decrypt(pair, area, out);
        }
        (void)refuse(pair, err ? DFU_BOOT_EV_RAM_FAILED : DFU_BOOT_EV_RAM_LOADED, header.load_addr);
        if (err) {
            memset(out->mem, 0, out->len);
            out->len = 0;
        }
    }
    return err;
}

static const struct pick_rules plain = { .load = ram_load };
static const struct pick_rules reverting = { .reverts = true, .load = ram_load };
static const struct pick_rules single = { .keeps_slots = true, .load = ram_load };

const struct dfu_boot_strategy dfu_boot_ram_load = {
    .mode = DFU_MODE_RAM_LOAD,
    .start = boot_pick,
    .look = boot_pick_look,
    .pick = &plain,
};

const struct dfu_boot_strategy dfu_boot_ram_load_revert = {
    .mode = DFU_MODE_RAM_LOAD_REVERT,
    .start = boot_pick,
    .look = boot_pick_look,
    .pick = &reverting,
};

const struct dfu_boot_strategy dfu_boot_single_ram_load = {
    .mode = DFU_MODE_SINGLE_RAM_LOAD,
    .start = boot_pick,
    .look = boot_pick_look,
    .pick = &single,
};
