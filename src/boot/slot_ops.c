/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/slot_ops.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/progress.h"
#include "boot/keys.h"
#include "dfu/err.h"

void boot_emit(const struct boot_pair *pair, struct dfu_boot_event event)
{
    if (cfg_of(pair)->event) {
        cfg_of(pair)->event(cfg_of(pair)->ctx, &event);
    }
}

void boot_emit_trailer(const struct boot_pair *pair, const char *name,
                       const struct dfu_slot_state *state)
{
    boot_emit(pair, (struct dfu_boot_event){ .id = DFU_BOOT_EV_TRAILER,
                                             .text = name,
                                             .a = state->magic,
                                             .b = state->swap_type,
                                             .c = state->copy_done,
                                             .d = state->image_ok });
}

void boot_feed(const struct boot_pair *pair)
{
    if (cfg_of(pair)->feed_watchdog) {
        cfg_of(pair)->feed_watchdog(cfg_of(pair)->ctx);
    }
}

int slot_erase_span(const struct boot_pair *pair, const struct dfu_area *area, uint32_t off,
                    uint32_t len)
{
    struct dfu_sector sector;

    for (uint32_t at = off; at - off < len; at += sector.size) {
        int err = dfu_area_sector_at(area, at, &sector);

        if (!err) {
            err = dfu_area_erase(area, sector.off, sector.size);
        }
        if (err) {
            return err;
        }
        boot_feed(pair);
        progress_moved(pair, area, sector.size, 0);
    }
    return DFU_OK;
}

int slot_erase(const struct boot_pair *pair, const struct dfu_area *area)
{
    return slot_erase_span(pair, area, 0, area->size);
}

int slot_erase_trailer(const struct boot_pair *pair, const struct dfu_area *area)
{
    struct dfu_sector sector = { .off = area->size };
    struct dfu_trailer at;
    int err = dfu_slot_trailer(cfg_of(pair)->map, area, &at);

    while (!err && sector.off > at.status) {
        err = dfu_area_sector_at(area, sector.off - 1, &sector);
        if (!err) {
            err = dfu_area_erase(area, sector.off, sector.size);
        }
        boot_feed(pair);
    }
    return err;
}

int slot_copy_through(const struct boot_pair *pair, struct slot_cipher cipher,
                      const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                      uint32_t src_off, uint32_t len)
{
    const struct dfu_boot_config *cfg = cfg_of(pair);
    bool changes = cfg->encryption && cipher.key && cipher.key->cipher;
    uint32_t n;

    for (uint32_t at = 0; at < len; at += n) {
        int err;

        n = min_u32(len - at, (uint32_t)cfg->buf_len);
        err = dfu_area_read(src, src_off + at, cfg->buf, n);
        if (!err && changes) {
            err = cfg->encryption->apply(cipher.key, cipher.off + at, cfg->buf, n);
        }
        if (!err) {
            err = dfu_area_write(dst, dst_off + at, cfg->buf, n);
        }
        if (err) {
            return err;
        }
        boot_feed(pair);
        progress_moved(pair, dst, 0, n);
    }
    return DFU_OK;
}

int slot_copy(const struct boot_pair *pair, const struct dfu_area *dst, uint32_t dst_off,
              const struct dfu_area *src, uint32_t src_off, uint32_t len)
{
    static const struct slot_cipher none = { NULL, 0 };

    return slot_copy_through(pair, none, dst, dst_off, src, src_off, len);
}

int slot_is_equal(const struct boot_pair *pair, struct slot_cipher cipher,
                  const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                  uint32_t src_off, uint32_t len)
{
    uint8_t *mine = cfg_of(pair)->buf;
    uint32_t half = (uint32_t)cfg_of(pair)->buf_len / 2;
    uint8_t *other = mine + half;
    uint32_t n;

    for (uint32_t at = 0; at < len; at += n) {
        int err;

        n = min_u32(len - at, half);
        err = dfu_area_read(dst, dst_off + at, mine, n);
        if (!err) {
            err = dfu_area_read(src, src_off + at, other, n);
        }
        if (!err && cipher.key && cipher.key->cipher) {
            err = cfg_of(pair)->encryption->apply(cipher.key, cipher.off + at, other, n);
        }
        if (err) {
            return err;
        }
        boot_feed(pair);
        if (memcmp(mine, other, n) != 0) {
            return 0;
        }
    }
    return 1;
}

int slot_header_is_erased(const struct dfu_area *area, uint32_t off)
{
    return dfu_area_is_erased(area, off, sizeof(uint32_t));
}

int slot_header_read(const struct dfu_area *area, uint32_t off, struct dfu_image_header *out)
{
    uint8_t raw[DFU_IMAGE_HEADER_SIZE];
    int err = dfu_area_read(area, off, raw, sizeof raw);

    if (err) {
        return err;
    }
    return dfu_image_header_parse(raw, out) == DFU_IMAGE_FINE ? DFU_OK : DFU_ERR_FORMAT;
}

int slot_image_extent(const struct dfu_area *area, uint32_t off, struct slot_extent *out)
{
    struct dfu_area_span span = { area, off };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_image image;

    *out = (struct slot_extent){ 0, 0 };
    switch (dfu_image_open(&image, &reader, 0)) {
    case DFU_IMAGE_FINE: *out = (struct slot_extent){ image.end, image.prot_end }; return DFU_OK;
    case DFU_IMAGE_UNREADABLE: return DFU_ERR_IO;
    default: return DFU_OK;
    }
}

uint32_t slot_image_limit(const struct dfu_slot_map *map, const struct dfu_area *area)
{
    struct dfu_trailer at;

    if (dfu_slot_trailer(map, area, &at)) {
        return 0;
    }
    return at.swap_size > 0 ? at.status : at.swap_info;
}
