/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* slot_parts.h - what other ways to fill a slot take from usb_slot.h's. */
#ifndef DFU_USB_SLOT_PARTS_H
#define DFU_USB_SLOT_PARTS_H

#include "dfu/usb_slot.h"

/* Where an image lies in this slot. */
uint32_t usb_slot_image_off(const struct dfu_usb_slot *slot);

/* true if the slot is ours to write, from its start or where we stopped; else why says why not. */
bool usb_slot_claim(struct dfu_usb_slot *slot, bool is_start);

/* NULL, or why this slot must keep what it holds. */
const char *usb_slot_keeps(const struct dfu_usb_slot *slot);

/* What is in flash now is the download: the work that is left is to verify and to mark it. */
void usb_slot_make_effective(struct dfu_usb_slot *slot, uint32_t size);

/* What an erase of [from, end) of the area takes. */
uint64_t usb_slot_erase_us(const struct dfu_usb_slot *slot, uint32_t from, uint32_t end);

#endif
