/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "usb_library.h"

#include "library.h"

struct libusb_calls libusb;

int usb_library_load(void)
{
#define LIBUSB_ENTRY(name) { "libusb_" #name, &libusb.name },
    static const struct dfu_library_call calls[] = { LIBUSB_CALLS(LIBUSB_ENTRY) };
#undef LIBUSB_ENTRY

    return dfu_library_load("libusb-1.0.so.0", calls, sizeof(calls) / sizeof(calls[0]));
}
