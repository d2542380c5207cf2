/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* trailer.h - the image trailer: the few bytes at the end of a slot through which application
 * and bootloader talk, and which survive every power cut.
 *
 * Flags are single write units that go from erased to set and never back; changing one means
 * erasing the trailer's sectors. The numbers below are MCUboot's: they appear in console lines
 * and in Zephyr's API. */
#ifndef DFU_TRAILER_H
#define DFU_TRAILER_H

#include <stdbool.h>
#include <stdint.h>

#include "dfu/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_TRAILER_MAGIC_SIZE 16u

enum dfu_magic { DFU_MAGIC_GOOD = 1, DFU_MAGIC_BAD = 2, DFU_MAGIC_UNSET = 3 };
enum dfu_flag { DFU_FLAG_SET = 1, DFU_FLAG_BAD = 2, DFU_FLAG_UNSET = 3 };

enum dfu_swap_type {
    DFU_SWAP_NONE = 1,
    DFU_SWAP_TEST = 2,
    DFU_SWAP_PERM = 3,
    DFU_SWAP_REVERT = 4,
    DFU_SWAP_FAIL = 5,
    DFU_SWAP_PANIC = 0xff,
};

/* One decoded trailer. swap_type and image_num are NONE and 0 where swap_info is erased or
 * makes no sense. */
struct dfu_slot_state {
    enum dfu_magic magic;
    enum dfu_flag image_ok, copy_done;
    enum dfu_swap_type swap_type;
    uint8_t image_num;
};

/* Read the trailer of a primary, secondary or scratch area of this map. */
int dfu_slot_state_read(const struct dfu_slot_map *map, const struct dfu_area *area,
                        struct dfu_slot_state *out);

/* The rows of the decision table on two trailers, numbered as MCUboot's (bootloader spec 3.1); the
 * first that matches decides. */
enum dfu_swap_rule {
    DFU_SWAP_RULE_OFFSET_REVERT = 0, /* using offset: secondary good, not ok, copy_done set */
    DFU_SWAP_RULE_TEST = 1,          /* secondary: magic good, image_ok erased */
    DFU_SWAP_RULE_PERM = 2,          /* secondary: magic good, image_ok set */
    DFU_SWAP_RULE_REVERT = 3,        /* primary: magic good, copy_done set, image_ok erased */
    DFU_SWAP_RULE_NONE = 4,          /* everything else */
};
enum dfu_swap_rule dfu_swap_rule_of(enum dfu_boot_mode mode, const struct dfu_slot_state *primary,
                                    const struct dfu_slot_state *secondary);

/* The same as what the next boot is asked to do. Pure. */
enum dfu_swap_type dfu_swap_type_of(enum dfu_boot_mode mode, const struct dfu_slot_state *primary,
                                    const struct dfu_slot_state *secondary);

/* Each writes one field, padded to the write size. magic also starts with the alignment rule of
 * the map. All fail with DFU_ERR_STATE if the field is not erased. */
int dfu_trailer_write_magic(const struct dfu_slot_map *map, const struct dfu_area *area);
int dfu_trailer_write_image_ok(const struct dfu_slot_map *map, const struct dfu_area *area);
int dfu_trailer_write_copy_done(const struct dfu_slot_map *map, const struct dfu_area *area);
int dfu_trailer_write_swap_info(const struct dfu_slot_map *map, const struct dfu_area *area,
                                enum dfu_swap_type type, uint8_t image);

/* "none", "test", "perm", "revert", "fail", "panic". */
const char *dfu_swap_type_text(enum dfu_swap_type type);

#ifdef __cplusplus
}
#endif
#endif
