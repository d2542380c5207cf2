/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_wait.h - a bootloader that waits for a download before it starts the application (Zephyr's
 * wait_for_usb_dfu, MCUboot's BOOT_USB_DFU_WAIT and _NO_APPLICATION).
 *
 * The bootloader puts the class on the bus in DFU mode, then asks between its steps whether to go
 * on waiting. A host that vanishes in the middle does not keep it for ever. */
#ifndef DFU_USB_WAIT_H
#define DFU_USB_WAIT_H

#include "dfu/usb_dfu.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_USB_WAIT_FOR_EVER UINT32_MAX
#define DFU_USB_WAIT_GRACE_MS 100u /* from the last answer about a complete download */

enum dfu_usb_wait_verdict {
    DFU_USB_WAIT_ON,
    DFU_USB_WAIT_ELAPSED, /* nobody came, or whoever did fell silent: start the application */
    DFU_USB_WAIT_DONE,    /* a download is complete: let the bootloader decide anew */
};

struct dfu_usb_wait {
    uint32_t window_ms; /* CONFIG_BOOT_USB_DFU_WAIT_DELAY_MS, 12000; or DFU_USB_WAIT_FOR_EVER */
    uint32_t idle_ms;   /* silence that ends a download which has begun */
    /* its own */
    uint32_t began_ms;
    bool was_effective;
};

/* now_ms may wrap. */
void dfu_usb_wait_start(struct dfu_usb_wait *wait, uint32_t window_ms, uint32_t idle_ms,
                        uint32_t now_ms);

/* Call at least after each request and step, and every 50 ms. A class that restarts by itself
 * (reboot) says that it is done by DFU_USB_RESTART; a detaching host says so by the same. */
enum dfu_usb_wait_verdict dfu_usb_wait_look(struct dfu_usb_wait *wait,
                                            const struct dfu_usb_dfu *dfu, uint32_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
