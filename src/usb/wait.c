/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/usb_wait.h"

void dfu_usb_wait_start(struct dfu_usb_wait *wait, uint32_t window_ms, uint32_t idle_ms,
                        uint32_t now_ms)
{
    *wait = (struct dfu_usb_wait){ .window_ms = window_ms, .idle_ms = idle_ms, .began_ms = now_ms };
}

/* The image was made effective; the host may not have heard of it yet. */
static bool is_complete(struct dfu_usb_wait *wait, const struct dfu_usb_dfu *dfu)
{
    if (dfu->state == DFU_USB_MANIFEST_SYNC || dfu->state == DFU_USB_MANIFEST) {
        wait->was_effective = true;
    } else if (dfu->state == DFU_USB_ERROR || dfu->is_open) {
        wait->was_effective = wait->was_effective && dfu->state == DFU_USB_MANIFEST_WAIT_RESET;
    }
    return wait->was_effective &&
           (dfu->state == DFU_USB_IDLE || dfu->state == DFU_USB_MANIFEST_WAIT_RESET);
}

enum dfu_usb_wait_verdict dfu_usb_wait_look(struct dfu_usb_wait *wait,
                                            const struct dfu_usb_dfu *dfu, uint32_t now_ms)
{
    if (is_complete(wait, dfu)) {
        bool was_told =
            dfu->state == DFU_USB_IDLE && now_ms - dfu->asked_ms >= DFU_USB_WAIT_GRACE_MS;

        return was_told ? DFU_USB_WAIT_DONE : DFU_USB_WAIT_ON;
    }
    if (dfu->is_open) {
        bool is_silent = !dfu_usb_dfu_has_work(dfu) && now_ms - dfu->asked_ms >= wait->idle_ms;

        return is_silent && wait->window_ms != DFU_USB_WAIT_FOR_EVER ? DFU_USB_WAIT_ELAPSED
                                                                     : DFU_USB_WAIT_ON;
    }
    if (wait->window_ms != DFU_USB_WAIT_FOR_EVER && now_ms - wait->began_ms >= wait->window_ms) {
        return DFU_USB_WAIT_ELAPSED;
    }
    return DFU_USB_WAIT_ON;
}
