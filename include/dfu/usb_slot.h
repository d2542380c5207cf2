/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_slot.h - image slots behind the alternate settings of USB DFU.
 *
 * By convention alternate 0 is slot 0, read only, and alternate 1 is slot 1, read and written. A
 * download is checked as it comes (header, size) and verified as a whole (fit, hash, signature,
 * product) before it is marked for the next boot, so that a bad one never becomes effective, not
 * even with permanent. A power cut before that mark leaves the old image; after it the bootloader
 * has an image that it would accept. */
#ifndef DFU_USB_SLOT_H
#define DFU_USB_SLOT_H

#include "dfu/lock.h"
#include "dfu/update.h"
#include "dfu/usb_dfu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What flash work takes, for bwPollTimeout: worst cases of the part's data sheet. */
struct dfu_usb_slot_timing {
    uint32_t erase_sector_us; /* for erase_unit bytes */
    uint32_t erase_unit;
    uint32_t write_kib_us;
    uint32_t verify_kib_us; /* read and hash */
    uint32_t signature_us;
};

struct dfu_usb_slot_config {
    const struct dfu_slot_map *map;
    uint8_t image;
    /* Whom to trust. NULL: marked unverified, which check() allows only without permanent. */
    const struct dfu_image_policy *policy;
    /* The vendor and class ids that an image must carry if it carries any (16 bytes each, TLV
     * 0x74 and 0x75); or NULL. Another id is errTARGET. */
    const uint8_t *vendor_id, *class_id;
    /* Mark for good, so that there is no test and no way back: an image that verifies but does not
     * work stays. CONFIG_USB_DFU_PERMANENT_DOWNLOAD */
    bool permanent;
    struct dfu_usb_slot_timing timing;
    struct dfu_lock *lock; /* or NULL */
    uint8_t *buf;          /* scratch to verify with, at least 64 bytes */
    size_t buf_len;
    void (*feed_watchdog)(void *ctx); /* while verifying; may be NULL */
    void *ctx;
};

enum dfu_usb_slot_work {
    DFU_USB_SLOT_NOTHING,
    DFU_USB_SLOT_WRITE,
    DFU_USB_SLOT_FLUSH,
    DFU_USB_SLOT_VERIFY,
    DFU_USB_SLOT_MARK,
};

/* One slot; the struct must stay where it is. */
struct dfu_usb_slot {
    const struct dfu_usb_slot_config *cfg;
    const struct dfu_area *area;
    struct dfu_lock_owner owner;

    /* the target's own */
    struct dfu_flash_img img;
    uint8_t block[DFU_IMG_BLOCK_BUF_SIZE];
    enum dfu_usb_slot_work work;
    const uint8_t *data; /* of the block in work, and what is left of it */
    size_t len;
    uint32_t expected; /* least size of the image, by its header */
    uint32_t size;
    bool is_lost; /* somebody else had the slot meanwhile */
    const char *why;
};

extern const struct dfu_usb_target_ops dfu_usb_slot_ops;

/* DFU_ERR_INVAL for permanent without a policy, or without scratch to verify with. */
int dfu_usb_slot_check(const struct dfu_usb_slot_config *cfg);

/* area: one of the pair's; cfg must outlive it. */
void dfu_usb_slot_init(struct dfu_usb_slot *slot, const struct dfu_usb_slot_config *cfg,
                       const struct dfu_area *area);

#ifdef __cplusplus
}
#endif
#endif
