/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* img_parts.h - what the commands of the image group share: which slot is which, what is in it, and
 * whether it may be written. */
#ifndef DFU_SMP_IMG_PARTS_H
#define DFU_SMP_IMG_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/fixed.h"

#define IMG_SLOTS 2u /* of one image */

struct img_slot {
    uint8_t image, slot;
};

/* NULL where there is no such slot. */
const struct dfu_area *img_area(const struct dfu_smp_img *img, struct img_slot at);

/* The slot an image runs from, or would. */
struct img_slot img_active(const struct dfu_smp_img *img, uint8_t image);
bool img_is_active(const struct dfu_smp_img *img, struct img_slot at);
struct img_slot img_other(struct img_slot at);

/* enum dfu_swap_type; PANIC where flash can't be read. */
int img_swap_type(const struct dfu_smp_img *img, uint8_t image);

/* Whether erasing the slot would take something that is needed: it runs, it is what a revert goes
 * back to, or (as configured) it is pending. */
bool img_is_in_use(const struct dfu_smp_img *img, struct img_slot at);

struct img_info {
    struct dfu_image_version version;
    uint8_t hash[DFU_HASH_MAX];
    uint8_t hash_len;
    bool bootable;
};

/* What lies in a slot. 0 or an enum dfu_smp_img_err. */
int img_read(const struct dfu_smp_img *img, struct img_slot at, struct img_info *out);

/* False where a slot holds an image that is linked to run in place, and elsewhere. */
bool img_fits(const struct dfu_smp_img *img, struct img_slot at);

/* The running upload's next len bytes, at off, are on the device already: put brings them into
 * place. Hooks, progress and the end are as for a chunk that was sent; the handler's result. */
int img_upload_assemble(struct dfu_smp_call *call, uint32_t off, uint32_t len,
                        int (*put)(struct dfu_smp_img *img, uint32_t off, uint32_t len));

/* Commands, one file each or two. */
int img_state_read(struct dfu_smp_call *call);
int img_state_write(struct dfu_smp_call *call);
int img_upload(struct dfu_smp_call *call);
int img_erase(struct dfu_smp_call *call);
int img_slot_info(struct dfu_smp_call *call);
int img_core_list(struct dfu_smp_call *call);
int img_core_load(struct dfu_smp_call *call);
int img_core_erase(struct dfu_smp_call *call);

#endif
