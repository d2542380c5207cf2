/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A hostile USB host: any setup packets with any data, steps and resets between them. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "usb_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each event: a byte that says what, eight of a setup packet, and OUT data as far as there is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct usb_walk walk;
    struct dfu_usb_setup setup;

    usb_walk_start(&walk);
    while (size > 0) {
        uint8_t what = data[0];

        data++;
        size--;
        if (what < 32) {
            usb_walk_step(&walk, what);
        } else if (what < 96) {
            usb_walk_right_block(&walk);
        } else if (what == 96) {
            usb_walk_bus_reset(&walk);
        } else if (size >= DFU_USB_SETUP_SIZE) {
            size_t n;

            dfu_usb_setup_decode(data, &setup);
            data += DFU_USB_SETUP_SIZE;
            size -= DFU_USB_SETUP_SIZE;
            n = setup.length < size ? setup.length : size;
            if (!(setup.type & 0x80) && n > 0) {
                memcpy(walk.data, data, n);
                data += n;
                size -= n;
            }
            usb_walk_control(&walk, &setup);
        }
    }
    usb_walk_free(&walk);
    return 0;
}
