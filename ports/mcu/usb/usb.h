/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb.h - the application is updated over USB: the DFU class on the board's slots. */
#ifndef DFU_MCU_USB_H
#define DFU_MCU_USB_H

#include <stdbool.h>

#include "dfu/lock.h"

/* Who may write slots: one way of updating at a time. */
extern struct dfu_lock usb_lock;

void usb_start(void);

/* Call again and again. True: there is more to do, do not sleep. */
bool usb_poll(void);

#endif
