/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* swap.h - the engine: measures, prepares, carries out and journals the steps of any plan, in
 * MCUboot's own status records, so that either loader goes on where the other stopped. */
#ifndef DFU_BOOT_SWAP_H
#define DFU_BOOT_SWAP_H

#include "boot/strategy.h"

/* A swap of this pair that has not begun. */
int swap_init(struct swap *swap, const struct boot_pair *pair, enum dfu_swap_type type);

/* The size that a new swap would have: the larger of the two images. */
int swap_new_size(const struct boot_pair *pair, uint32_t *size);

/* Whether a swap could begin now: DFU_ERR_NOSPACE, DFU_ERR_FORMAT; DFU_ERR_VERIFY where the image
 * in the primary could not be encrypted on its way out, DFU_ERR_NOTSUP where a key is too long. */
int swap_measure_new(const struct boot_pair *pair);

/* The size that the primary's trailer records; any bytes. */
int swap_recorded_size(const struct swap *swap, uint32_t *size);

/* The same of the secondary's. */
int swap_requested_size(const struct swap *swap, uint32_t *size);

/* Fill swap->done from the primary's records. DFU_ERR_FORMAT if they are not those of any swap
 * that fits these slots; a gap is only reported. */
int swap_read_progress(struct swap *swap);

/* Whether both headers lie where the recorded progress puts them. */
int swap_headers_are_found(const struct swap *swap, bool *found);

/* From swap->done to the end, with the completion flags. DFU_ERR_NOSPACE before anything was
 * changed if a new swap does not fit. */
int swap_run(struct swap *swap);

/* What plans are made of. */
/* Erase and copy, unless equal bytes are left alone and its target holds its source. */
int swap_apply(const struct swap *swap, const struct swap_step *step);
int swap_copy(const struct swap *swap, const struct swap_step *step); /* into erased flash */
/* The spare note of step n, if its record needed one, after the erase of the place of such notes. */
int swap_mark_again(const struct swap *swap, uint32_t n);
/* The size, and behind it the turn where there is one. */
int swap_write_size(const struct swap *swap, const struct dfu_area *area);

/* Where a swap is noted in scratch while the primary still has the trailer of an earlier one, whose
 * copy_done its cells refused, their turns differ: 0 where no earlier one is in the way. Choose it for
 * a swap that begins, or read that of the one in scratch. */
int swap_choose_turn(struct swap *swap);
int swap_read_turn(struct swap *swap);

/* 1 if scratch tells of a later swap than the primary, 0 if not, or a negative error. */
int swap_is_scratch_newer(struct swap *swap);

int swap_write_status(const struct swap *swap, const struct dfu_area *area);

/* A prepare for modes that keep the whole status in the primary. */
int swap_prepare(struct swap *swap);

/* A request_back: as a request for a permanent swap. */
int swap_request_back(const struct swap *swap);

/* 1 if the secondary's trailer is one that a finished swap was about to erase, 0 if not, or a
 * negative error. Only for a primary whose trailer has copy_done. */
int swap_is_withdrawing(const struct swap *swap);

/* What is left of ending a trial whose copy_done could not be written (facts, look.h). */
int swap_end_trial(const struct swap *swap, bool is_withdrawing);

/* image_ok for an image that need not prove itself, then copy_done. */
int swap_complete(const struct swap *swap);

#endif
