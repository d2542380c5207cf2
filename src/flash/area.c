/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Areas: every bound and alignment is checked here, once, so that drivers need no checks. */
#include "dfu/flash.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "flash/fixed.h"

/* Whether pages, laid from 0 on, have a border there. */
static bool is_page_border(const struct dfu_area *area, uint32_t off)
{
    for (uint32_t i = 0; i < area->page_run_count; i++) {
        const struct dfu_sector_run *run = &area->pages[i];
        uint32_t pages = run->size > 0 ? off / run->size : 0;

        if (run->size == 0) {
            continue;
        }
        if (pages < run->count || off == run->size * run->count) {
            return off % run->size == 0;
        }
        off -= run->size * run->count; /* cannot wrap: so many pages lie before off */
    }
    return false;
}

static int check_pages(const struct dfu_area *area)
{
    struct dfu_sector sector = { 0, 0 };

    for (uint32_t off = 0; area->pages && off < area->size; off = sector.off + sector.size) {
        int err = dfu_area_sector_at(area, off, &sector);

        if (err) {
            return err;
        }
        if (!is_page_border(area, area->base + sector.off) ||
            !is_page_border(area, area->base + sector.off + sector.size)) {
            return DFU_ERR_ALIGN;
        }
    }
    return DFU_OK;
}

int dfu_area_check(const struct dfu_area *area)
{
    uint32_t left;

    if (!area || !area->ops || !area->ops->read || !area->ops->write || !area->ops->erase ||
        !area->runs || area->size == 0 || area->size > UINT32_MAX - area->base) {
        return DFU_ERR_INVAL;
    }
    if (!is_power_of_two(area->write_size) || area->write_size > DFU_FLASH_WRITE_SIZE_MAX ||
        area->base % area->write_size != 0) {
        return DFU_ERR_ALIGN;
    }
    left = area->size;
    for (uint32_t i = 0; i < area->run_count; i++) {
        const struct dfu_sector_run *run = &area->runs[i];

        if (run->size == 0 || run->count == 0 || run->count > left / run->size) {
            return DFU_ERR_INVAL;
        }
        if (run->size % area->write_size != 0) {
            return DFU_ERR_ALIGN;
        }
        left -= run->size * run->count;
    }
    return left == 0 ? check_pages(area) : DFU_ERR_INVAL;
}

uint32_t dfu_area_sector_count(const struct dfu_area *area)
{
    uint32_t count = 0;

    if (fixed_sector_size() > 0) {
        return area->size / fixed_sector_size();
    }
    for (uint32_t i = 0; i < area->run_count; i++) {
        count += area->runs[i].count;
    }
    return count;
}

int dfu_area_sector(const struct dfu_area *area, uint32_t index, struct dfu_sector *out)
{
    uint32_t off = 0;

    for (uint32_t i = 0; i < area->run_count; i++) {
        const struct dfu_sector_run *run = &area->runs[i];

        if (index < run->count) {
            *out = (struct dfu_sector){ off + index * run->size, run->size };
            return DFU_OK;
        }
        index -= run->count;
        off += run->size * run->count;
    }
    return DFU_ERR_RANGE;
}

int dfu_area_sector_at(const struct dfu_area *area, uint32_t off, struct dfu_sector *out)
{
    uint32_t start = 0;

    if (fixed_sector_size() > 0) {
        *out = (struct dfu_sector){ off / fixed_sector_size() * fixed_sector_size(),
                                    fixed_sector_size() };
        return off < area->size ? DFU_OK : DFU_ERR_RANGE;
    }
    for (uint32_t i = 0; i < area->run_count; i++) {
        const struct dfu_sector_run *run = &area->runs[i];
        uint32_t len = run->size * run->count;

        if (off - start < len) {
            *out = (struct dfu_sector){ start + (off - start) / run->size * run->size, run->size };
            return DFU_OK;
        }
        start += len;
    }
    return DFU_ERR_RANGE;
}

int dfu_area_read(const struct dfu_area *area, uint32_t off, void *buf, size_t len)
{
    if (!span_fits(off, len, area->size)) {
        return DFU_ERR_RANGE;
    }
    return len == 0 ? DFU_OK : fixed_ops(area)->read(area->ctx, area->base + off, buf, len);
}

int dfu_area_write(const struct dfu_area *area, uint32_t off, const void *buf, size_t len)
{
    if (!span_fits(off, len, area->size)) {
        return DFU_ERR_RANGE;
    }
    if ((off | len) % fixed_write_size(area) != 0) {
        return DFU_ERR_ALIGN;
    }
    return len == 0 ? DFU_OK : fixed_ops(area)->write(area->ctx, area->base + off, buf, len);
}

int dfu_area_write_padded(const struct dfu_area *area, uint32_t off, const void *value, size_t len)
{
    uint8_t unit[DFU_FLASH_WRITE_SIZE_MAX];
    uint32_t padded = round_up((uint32_t)len, fixed_write_size(area));

    if (len > sizeof unit || padded > sizeof unit) {
        return DFU_ERR_INVAL;
    }
    memset(unit, fixed_erased(area), sizeof unit);
    memcpy(unit, value, len);
    return dfu_area_write(area, off, unit, padded);
}

static bool are_whole_sectors(const struct dfu_area *area, uint32_t off, uint32_t len)
{
    struct dfu_sector sector;

    if (fixed_sector_size() > 0) {
        return off % fixed_sector_size() == 0 && len % fixed_sector_size() == 0;
    }
    for (uint32_t at = off; at - off < len; at += sector.size) {
        if (dfu_area_sector_at(area, at, &sector) || sector.off != at ||
            sector.size > len - (at - off)) {
            return false;
        }
    }
    return true;
}

int dfu_area_erase(const struct dfu_area *area, uint32_t off, uint32_t len)
{
    struct dfu_sector sector;

    if (!span_fits(off, len, area->size)) {
        return DFU_ERR_RANGE;
    }
    if (!are_whole_sectors(area, off, len)) { /* nothing is erased unless all of it may be */
        return DFU_ERR_ALIGN;
    }
    for (uint32_t at = off; at - off < len; at += sector.size) {
        int err = dfu_area_sector_at(area, at, &sector);

        if (!err) {
            err = fixed_ops(area)->erase(area->ctx, area->base + at, sector.size);
        }
        if (err) {
            return err;
        }
    }
    return DFU_OK;
}

int dfu_area_is_erased(const struct dfu_area *area, uint32_t off, uint32_t len)
{
    uint8_t chunk[64];

    if (!span_fits(off, len, area->size)) {
        return DFU_ERR_RANGE;
    }
    while (len > 0) {
        uint32_t n = min_u32(len, sizeof chunk);
        int err = dfu_area_read(area, off, chunk, n);

        if (err) {
            return err;
        }
        if (chunk[0] != fixed_erased(area) || memcmp(chunk, chunk + 1, n - 1) != 0) {
            return 0;
        }
        off += n;
        len -= n;
    }
    return 1;
}
