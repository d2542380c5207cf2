/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_library.h - libusb, loaded (library.h) by who opens this machine's USB. */
#ifndef DFU_POSIX_USB_LIBRARY_H
#define DFU_POSIX_USB_LIBRARY_H

#include <libusb.h>

/* libusb.init is its libusb_init, and so on. */
#define LIBUSB_CALLS(X)       \
    X(claim_interface)        \
    X(close)                  \
    X(control_transfer)       \
    X(error_name)             \
    X(exit)                   \
    X(free_config_descriptor) \
    X(free_device_list)       \
    X(get_config_descriptor)  \
    X(get_device_list)        \
    X(init)                   \
    X(open)                   \
    X(ref_device)             \
    X(release_interface)      \
    X(reset_device)           \
    X(unref_device)

struct libusb_calls {
#define LIBUSB_FIELD(name) __typeof__(libusb_##name) *(name);
    LIBUSB_CALLS(LIBUSB_FIELD)
#undef LIBUSB_FIELD
};
extern struct libusb_calls libusb;

/* 0, or DFU_ERR_NOTSUP where there is none; before any call. */
int usb_library_load(void);

#endif
