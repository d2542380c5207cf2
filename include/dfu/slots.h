/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* slots.h - what a device's flash is for: slots, and the one geometry computed from them.
 *
 * Trailer offsets, largest image and slot compatibility are computed here and nowhere else; the
 * signer, the pre-flight check, the bootloader and the simulator all call this file. The rules
 * are MCUboot's, so that a half-finished update means the same to both loaders. */
#ifndef DFU_SLOTS_H
#define DFU_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_IMAGES_MAX 8u

/* Upgrade modes, numbered as the bootloader-info command and the shared boot data number them. */
enum dfu_boot_mode {
    DFU_MODE_SINGLE_SLOT = 0,
    DFU_MODE_SWAP_SCRATCH = 1,
    DFU_MODE_OVERWRITE = 2,
    DFU_MODE_SWAP_MOVE = 3,
    DFU_MODE_DIRECT_XIP = 4,
    DFU_MODE_DIRECT_XIP_REVERT = 5,
    DFU_MODE_RAM_LOAD = 6,
    DFU_MODE_FIRMWARE_LOADER = 7,
    DFU_MODE_SINGLE_RAM_LOAD = 8,
    DFU_MODE_SWAP_OFFSET = 9,
    DFU_MODE_RAM_LOAD_REVERT = 10, /* MCUboot numbers it as RAM load: dfu_mode_number() */
};

/* The number that MCUboot tells for a mode. */
uint8_t dfu_mode_number(enum dfu_boot_mode mode);

struct dfu_slot_pair {
    const struct dfu_area *primary;
    const struct dfu_area *secondary; /* NULL in single-slot modes */
};

/* Everything that must be equal for two loaders to continue each other's work. */
struct dfu_slot_map {
    enum dfu_boot_mode mode;
    uint8_t max_align;       /* MCUboot's BOOT_MAX_ALIGN: 8, 16 or 32 */
    uint16_t max_sectors;    /* MCUboot's BOOT_MAX_IMG_SECTORS, default 128 */
    uint16_t key_size;       /* bytes kept per encryption key in a trailer; 0 without encryption */
    bool keeps_wrapped_keys; /* ... as they came in their TLV: MCUboot's SWAP_SAVE_ENCTLV */
    bool decompresses;       /* overwrite only: a secondary may be smaller than its primary */
    uint8_t image_count;
    struct dfu_slot_pair images[DFU_IMAGES_MAX];
    const struct dfu_area *scratch; /* swap using scratch only, else NULL */
};

/* Offsets from the start of one area. Fields that a mode lacks are 0. */
struct dfu_trailer {
    uint32_t magic; /* the last 16 bytes */
    uint32_t image_ok, copy_done, swap_info, tlv_sizes, swap_size;
    uint32_t key[2];
    uint32_t status;        /* where the status records begin: the trailer's start */
    uint32_t status_stride; /* bytes from one record to the next */
    uint32_t status_count;  /* records the area has room for */
};

/* Check the whole map once, at start: areas, alignments, counts, both slots of a pair using the
 * same erased value. 0 or the first error; *what then names the culprit in a few words. */
int dfu_slot_map_check(const struct dfu_slot_map *map, const char **what);

/* The trailer of a primary, secondary or scratch area. DFU_ERR_NOSPACE if it does not fit. */
int dfu_slot_trailer(const struct dfu_slot_map *map, const struct dfu_area *area,
                     struct dfu_trailer *out);

/* The largest image, all TLVs included, that the loader of this map accepts in this pair.
 * 0 if the slots cannot work together at all. */
uint32_t dfu_slot_max_image(const struct dfu_slot_map *map, uint8_t image);

/* The same of one slot of the pair: more in a primary whose secondary is smaller, for what a
 * compressed image decodes to. */
uint32_t dfu_slot_limit(const struct dfu_slot_map *map, uint8_t image, const struct dfu_area *area);

/* Whether the two slots of a pair can be upgraded in this mode, and if not, MCUboot's warning. */
enum dfu_slot_fit {
    DFU_SLOTS_FIT = 0,
    DFU_SLOTS_TOO_MANY_SECTORS,
    DFU_SLOTS_SECTORS_DIFFER, /* "slots have non-compatible sectors" */
    DFU_SLOTS_SCRATCH_TOO_SMALL,
    DFU_SLOTS_SIZES_DIFFER,   /* "slots are not compatible" */
    DFU_SLOTS_COUNT_DIFFERS,  /* "not a compatible amount of sectors" */
    DFU_SLOTS_LAYOUT_DIFFERS, /* "not same sector layout" */
};
enum dfu_slot_fit dfu_slot_compatible(const struct dfu_slot_map *map, uint8_t image);
const char *dfu_slot_fit_text(enum dfu_slot_fit fit);

/* Where the update lies in the secondary before an upgrade: 0, or the size of its first sector
 * in swap-using-offset. */
uint32_t dfu_slot_upload_offset(const struct dfu_slot_map *map, uint8_t image);

#ifdef __cplusplus
}
#endif
#endif
