/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* slot_ops.h - the few things a boot does to slots, and how it reports them. The one place where
 * firmware bytes pass on their way between slots. */
#ifndef DFU_BOOT_SLOT_OPS_H
#define DFU_BOOT_SLOT_OPS_H

#include "boot/strategy.h"

void boot_emit(const struct boot_pair *pair, struct dfu_boot_event event);
void boot_emit_trailer(const struct boot_pair *pair, const char *name,
                       const struct dfu_slot_state *state);
void boot_feed(const struct boot_pair *pair);

/* All sectors, first to last. */
int slot_erase(const struct boot_pair *pair, const struct dfu_area *area);

/* The sectors that the trailer touches, last first: the magic goes before what it vouches for. */
int slot_erase_trailer(const struct boot_pair *pair, const struct dfu_area *area);

/* [off, off + len), feeding the watchdog between sectors. */
int slot_erase_span(const struct boot_pair *pair, const struct dfu_area *area, uint32_t off,
                    uint32_t len);

/* What copying does to the bytes of an encrypted image; off: of the first byte in its image. */
struct slot_cipher {
    const struct dfu_content_key *key; /* NULL, or without a cipher: nothing */
    uint32_t off;
};

/* Copy into erased flash, on the way encrypting or decrypting. Lengths and offsets are multiples
 * of both write sizes. */
int slot_copy_through(const struct boot_pair *pair, struct slot_cipher cipher,
                      const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                      uint32_t src_off, uint32_t len);

/* The same, nothing being done to them. */
int slot_copy(const struct boot_pair *pair, const struct dfu_area *dst, uint32_t dst_off,
              const struct dfu_area *src, uint32_t src_off, uint32_t len);

/* 1 if dst holds what copying src would write there, 0 if not, or a negative error. */
int slot_is_equal(const struct boot_pair *pair, struct slot_cipher cipher,
                  const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                  uint32_t src_off, uint32_t len);

/* 1 if the four bytes of a header's magic are erased at off, 0 if not, or a negative error. */
int slot_header_is_erased(const struct dfu_area *area, uint32_t off);

/* Read and parse a header; DFU_ERR_FORMAT if there is none. */
int slot_header_read(const struct dfu_area *area, uint32_t off, struct dfu_image_header *out);

/* Where an image ends, all TLVs included, and where its unprotected TLVs begin, counted from the
 * image's start at off; 0 and 0 if no well-formed image is there. */
struct slot_extent {
    uint32_t end, tlvs;
};
int slot_image_extent(const struct dfu_area *area, uint32_t off, struct slot_extent *out);

/* The largest image that an area may hold for itself, in modes that move nothing; 0: none. */
uint32_t slot_image_limit(const struct dfu_slot_map *map, const struct dfu_area *area);

#endif
