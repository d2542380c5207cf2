/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_dfuse.h - DfuSe: ST's extension of USB DFU, in which the host says where a block goes and
 * what is to be erased (dfu-util -s). An option: who does not name it does not link it.
 *
 * Block 0 of a download is a command (set address, erase page, mass erase), blocks from 2 on are
 * data for address + (number - 2) * transfer_size. An image becomes effective when the host asks
 * the device to leave (dfu-util -s ADDRESS:leave), and only if it verifies, as with usb_slot.h;
 * without that it lies in its slot and nobody asks for it. Each alternate is one slot, described
 * by its interface string as DfuSe hosts expect. */
#ifndef DFU_USB_DFUSE_H
#define DFU_USB_DFUSE_H

#include "dfu/usb_device.h"
#include "dfu/usb_slot.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_USB_DFUSE_SET_ADDRESS 0x21u
#define DFU_USB_DFUSE_ERASE       0x41u

/* For struct dfu_usb_device_config. Every alternate then has dfu_usb_dfuse_ops and can_download
 * (commands come as downloads), and the class reboot: leaving is restarting. */
extern const struct dfu_usb_dialect dfu_usb_dfuse;
extern const struct dfu_usb_target_ops dfu_usb_dfuse_ops;

enum dfu_usb_dfuse_work {
    DFU_USB_DFUSE_NOTHING,
    DFU_USB_DFUSE_COMMAND,
    DFU_USB_DFUSE_WRITE,
    DFU_USB_DFUSE_EFFECTIVE,
};

/* The ctx of an alternate; the struct must stay where it is. */
struct dfu_usb_dfuse_slot {
    struct dfu_usb_slot slot;
    bool is_writable;
    uint16_t transfer_size; /* the class's */

    /* its own */
    enum dfu_usb_dfuse_work work;
    uint16_t number;     /* of the block that comes next */
    uint32_t pointer;    /* of the host */
    uint32_t off;        /* of the data in work; a mass erase is done from here on */
    uint32_t clear_from; /* erased for this download from here to the slot's end */
    const uint8_t *data;
    size_t len;
};

/* cfg and area must outlive it. transfer_size is the class's: a block is so many bytes. */
void dfu_usb_dfuse_init(struct dfu_usb_dfuse_slot *slot, const struct dfu_usb_slot_config *cfg,
                        const struct dfu_area *area, bool is_writable, uint16_t transfer_size);

/* "@image_1 /0x82000/118*4Kg", cut to cap with its NUL: what the interface string has to say.
 * Returns buf. */
char *dfu_usb_dfuse_layout(const struct dfu_usb_dfuse_slot *slot, const char *name, char *buf,
                           size_t cap);

#ifdef __cplusplus
}
#endif
#endif
