/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The board has no USB device controller. In its place UART 1 carries the control pipe, to whatever
 * plays the host (tests/qemu/usb_host.py): "+" the device is on the bus, "-" it is not. From the
 * host "R" is a bus reset, and "S" a request: 8 bytes of SETUP, and OUT data. It is answered by "A",
 * the number of IN bytes in two bytes, low first, and those; or by "T", a stall. */
#include "chip_usb.h"
#include "line.h"

#define USB 1u
#define IN  0x80u

static void say(uint8_t what)
{
    line_write(USB, &what, 1);
}

void chip_usb_attach(void)
{
    line_start(USB);
    say('-'); /* a start may have come without a farewell */
    say('+');
}

void chip_usb_detach(void)
{
    say('-');
}

static void take_request(void)
{
    uint8_t raw[DFU_USB_SETUP_SIZE];
    struct dfu_usb_setup setup;
    int len;

    line_read(USB, raw, sizeof raw);
    dfu_usb_setup_decode(raw, &setup);
    if ((setup.type & IN) == 0 && setup.length > sizeof usb_data) {
        for (uint16_t i = 0; i < setup.length; i++) {
            line_read(USB, usb_data, 1);
        }
        say('T');
        return;
    }
    if ((setup.type & IN) == 0) {
        line_read(USB, usb_data, setup.length);
    }
    len = usb_request(&setup);
    if (len < 0) {
        say('T');
        return;
    }
    say('A');
    say((uint8_t)len);
    say((uint8_t)(len >> 8));
    line_write(USB, usb_data, (size_t)len);
}

void chip_usb_poll(void)
{
    int what = line_get(USB);

    if (what == 'S') {
        take_request();
    } else if (what == 'R') {
        usb_bus_reset();
    }
}
