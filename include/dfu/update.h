/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* update.h - what an application calls: write an image into the free slot, ask for it to be
 * tested or made permanent, confirm it. Zephyr's names and rules behind the prefix (its
 * dfu/flash_img.h and dfu/mcuboot.h); zephyr.h offers the unprefixed spellings.
 *
 * Contexts are the caller's. All calls return 0 or a negative enum dfu_err. Every write is one
 * that a power cut may interrupt: until the request is written the old image boots. */
#ifndef DFU_UPDATE_H
#define DFU_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/image.h"
#include "dfu/slots.h"
#include "dfu/stream.h"
#include "dfu/trailer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Image state ---- */

/* What the next boot will do with an image pair (enum dfu_swap_type), or a negative error.
 * DFU_SWAP_NONE where the map has no secondary. */
int dfu_mcuboot_swap_type(const struct dfu_slot_map *map, uint8_t image);

/* The same for an image that runs from slot `active` (0 or 1), also in modes that choose between
 * slots: TEST and PERM, the other one runs next; REVERT, because this one was not confirmed. */
int dfu_mcuboot_next(const struct dfu_slot_map *map, uint8_t image, uint8_t active);

/* Direct-XIP and RAM load: nothing is swapped, the newest image runs from where it lies. */
bool dfu_mode_chooses_slot(enum dfu_boot_mode mode);

/* False for an image that is linked to run in place, in another place than this one. */
bool dfu_boot_fits_slot(const struct dfu_slot_map *map, const struct dfu_area *area,
                        const struct dfu_image_header *header);

/* Ask for the secondary image: once (test) or for good. Already requested is success and changes
 * nothing: a pending test does not become permanent. DFU_ERR_STATE on a damaged trailer. */
int dfu_boot_request_upgrade(const struct dfu_slot_map *map, uint8_t image, bool permanent);

/* Keep the running image. A primary without a trailer needs no confirmation: success. */
int dfu_boot_write_img_confirmed(const struct dfu_slot_map *map, uint8_t image);

/* True without a trailer, else whether image_ok is set (a torn one is: it stops the revert); false
 * on any error. */
bool dfu_boot_is_img_confirmed(const struct dfu_slot_map *map, uint8_t image);

/* The same for the slot that an image runs from, where that may be the secondary. */
bool dfu_boot_is_slot_confirmed(const struct dfu_slot_map *map, const struct dfu_area *area);

/* What the two above write, for the slot in area. active: it runs now, so this is the confirmation;
 * else it is requested, for good with confirm. In direct-XIP modes it becomes a candidate, and is
 * confirmed if active or confirm. DFU_ERR_STATE: the trailer is damaged; erase the slot. */
int dfu_boot_set_next(const struct dfu_slot_map *map, const struct dfu_area *area, bool active,
                      bool confirm);

struct dfu_mcuboot_img_header {
    uint32_t image_size; /* payload only */
    struct dfu_image_version version;
};

/* DFU_ERR_FORMAT if there is no image. off: 0, or dfu_slot_upload_offset() for a secondary. */
int dfu_boot_read_bank_header(const struct dfu_area *area, uint32_t off,
                              struct dfu_mcuboot_img_header *out);

/* Erase a whole slot, the sector with its flags first. The caller sees to it that it is not the
 * running one. */
int dfu_boot_erase_img_bank(const struct dfu_area *area);

/* Where the header of the image in this slot lies (swap-using-offset: not 0). */
uint32_t dfu_boot_get_image_start_offset(const struct dfu_slot_map *map,
                                         const struct dfu_area *area);

/* ---- Staged image writer (Zephyr's flash_img) ---- */

#define DFU_IMG_BLOCK_BUF_SIZE 512u

struct dfu_flash_img_config {
    uint8_t *buf;   /* where blocks are collected; it must outlive the writer */
    size_t buf_len; /* a multiple of the write size; no more of it is used than a sector holds */
    /* Erase sectors just ahead of the data, and the old trailer first of all; without, the caller
     * has erased the slot (DFU_ERR_STATE if the trailer isn't). */
    bool erase_progressively;
    bool leaves_erased; /* program no units of nothing but erased bytes: as in a stream */
};

struct dfu_flash_img {
    struct dfu_stream stream;
    const struct dfu_area *area;
    uint32_t room;        /* bytes it may take */
    uint32_t trailer_off; /* erased before the first byte is written */
    bool is_trailer_clear;
};

/* Begin an image of size bytes in the secondary (or any slot) of the map. size 0: not known yet.
 * DFU_ERR_NOSPACE if it can't fit under the loader's own geometry, before anything is erased. An
 * image that brings its own trailer (imgtool --pad) has the size of the slot, and may.
 * To resume, call dfu_stream_progress_load() on img->stream next. */
int dfu_flash_img_init(struct dfu_flash_img *img, const struct dfu_slot_map *map,
                       const struct dfu_area *area, uint32_t size,
                       const struct dfu_flash_img_config *config);

/* Collects into blocks and writes them; flush at the end. DFU_ERR_NOSPACE beyond size. */
int dfu_flash_img_buffered_write(struct dfu_flash_img *img, const void *data, size_t len,
                                 bool flush);

/* Go on behind the next len bytes, which the slot holds already: dfu_stream_skip(). Before the
 * first write: DFU_ERR_STATE, as the old trailer is still there. */
int dfu_flash_img_skip(struct dfu_flash_img *img, uint32_t len);

/* Payload bytes programmed so far (not those still buffered). */
uint32_t dfu_flash_img_bytes_written(const struct dfu_flash_img *img);

/* After the flush: hash len bytes from the image start and compare with match (alg's size).
 * DFU_ERR_VERIFY if different. */
int dfu_flash_img_check(struct dfu_flash_img *img, const struct dfu_hash_alg *alg, uint32_t len,
                        const uint8_t *match);

/* The same for any part of an area, read in pieces of buf_len. DFU_ERR_INVAL if anything is
 * missing or empty. */
int dfu_area_check_hash(const struct dfu_area *area, uint32_t off, uint32_t len,
                        const struct dfu_hash_alg *alg, const uint8_t *match, uint8_t *buf,
                        size_t buf_len);

#ifdef __cplusplus
}
#endif
#endif
