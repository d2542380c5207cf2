/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* flash.h - flash areas: the one seam between this project and your storage.
 *
 * An area is a run of sectors on one device. The driver sees device offsets that are already
 * checked: inside the area, aligned, never wrapping. Calls are synchronous. Power may fail at
 * any byte of write or erase; whatever is then left must be enough to go on (docs/DESIGN.md).
 *
 * What a cut leaves may read as anything, and differently each time, but it must be readable. Where
 * a part reports double errors of its ECC, the driver passes on the bytes and no error: records and
 * hashes tell what they are worth, while a start that can't read goes no further.
 *
 * Ownership: areas are constant after set-up and may live in ROM; ctx belongs to the driver. */
#ifndef DFU_FLASH_H
#define DFU_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_FLASH_WRITE_SIZE_MAX 32u

/* Offsets count from the start of the device. 0 or a negative enum dfu_err. */
struct dfu_flash_ops {
    int (*read)(void *ctx, uint32_t off, void *buf, size_t len);
    int (*write)(void *ctx, uint32_t off, const void *buf, size_t len);
    int (*erase)(void *ctx, uint32_t off, size_t len); /* whole sectors */
};

/* count sectors of size bytes each; a device with 4 x 16K, 1 x 64K has two runs. */
struct dfu_sector_run {
    uint32_t size;
    uint32_t count;
};

struct dfu_area {
    const struct dfu_flash_ops *ops;
    void *ctx;
    const char *label;                 /* devicetree label, for messages: "slot0_partition" */
    uint32_t base;                     /* where the area starts on its device */
    uint32_t size;                     /* the sum of its sectors */
    const struct dfu_sector_run *runs; /* the sectors, lowest first */
    uint8_t run_count;
    uint8_t write_size; /* smallest program unit: 1, 2, 4, ... 32 */
    uint8_t erased;     /* what an erased byte reads as: 0xff or 0x00 */
    /* Where the sectors above are logical, made of several pages: what the device can erase, from
     * its start on. A sector begins and ends where a page does. NULL: sectors are pages. */
    const struct dfu_sector_run *pages;
    uint8_t page_run_count;
};

struct dfu_sector {
    uint32_t off; /* from the area start */
    uint32_t size;
};

/* Check once, at start: ops present, write size a power of two up to 32, every sector a multiple
 * of it and made of whole pages, sectors adding up to size, base + size below 2^32. DFU_ERR_INVAL or
 * DFU_ERR_ALIGN. */
int dfu_area_check(const struct dfu_area *area);

/* DFU_ERR_RANGE outside the area (length 0 at the very end is fine), then the driver's error. */
int dfu_area_read(const struct dfu_area *area, uint32_t off, void *buf, size_t len);

/* off and len are multiples of write_size (DFU_ERR_ALIGN); the target must be erased. */
int dfu_area_write(const struct dfu_area *area, uint32_t off, const void *buf, size_t len);

/* [off, off + len) must be whole sectors (DFU_ERR_ALIGN). Erases first to last. */
int dfu_area_erase(const struct dfu_area *area, uint32_t off, uint32_t len);

/* Write a value of up to 32 bytes at an aligned offset, filled up to the write size with the
 * erased value: how every trailer field is stored. */
int dfu_area_write_padded(const struct dfu_area *area, uint32_t off, const void *value, size_t len);

/* The number of sectors. */
uint32_t dfu_area_sector_count(const struct dfu_area *area);

/* The index-th sector, or the one that holds off; DFU_ERR_RANGE if there is none. */
int dfu_area_sector(const struct dfu_area *area, uint32_t index, struct dfu_sector *out);
int dfu_area_sector_at(const struct dfu_area *area, uint32_t off, struct dfu_sector *out);

/* 1 if every byte of the span reads erased, 0 if not, or a negative error. */
int dfu_area_is_erased(const struct dfu_area *area, uint32_t off, uint32_t len);

#ifdef __cplusplus
}
#endif
#endif
