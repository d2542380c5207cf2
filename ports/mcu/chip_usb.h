/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* chip_usb.h - the seam between the DFU class and a USB device controller: endpoint 0, and nothing
 * else. port.cmake names CHIP_USB_IRQ, and of the flash, by its data sheet, CHIP_ERASE_US (a page),
 * CHIP_WRITE_KIB_US, and CHIP_VERIFY_KIB_US and CHIP_SIGNATURE_US for what checks an image. */
#ifndef DFU_MCU_CHIP_USB_H
#define DFU_MCU_CHIP_USB_H

#include "autoconf.h"
#include "dfu/usb_dfu.h"

/* ---- What the driver does; all calls come from the main loop ---- */

/* Show the device to the host, and take it away again. Whatever was going on is forgotten. */
void chip_usb_attach(void);
void chip_usb_detach(void);

/* See what has happened, move data, call back. Arranges that the next thing to happen ends a sleep
 * (port_wake_for()). */
void chip_usb_poll(void);

/* ---- What it calls, from chip_usb_poll() alone ---- */

/* The data stage: OUT data is there when usb_request() is called, which leaves IN data there. */
extern uint8_t usb_data[CONFIG_USB_REQUEST_BUFFER_SIZE];

/* A request is whole. The length of its IN data stage, at most setup->length, 0 for OUT: the driver
 * goes on to data or status stage. Negative: it stalls, as it does by itself where OUT data does
 * not fit. SET_ADDRESS may come here or not. */
int usb_request(const struct dfu_usb_setup *setup);

void usb_bus_reset(void);

#endif
