/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_suffix.h - the DFU file suffix: 16 bytes at a file's end that say which device it is for.
 * Hosts check and remove it; it never reaches a device. Every byte is treated as hostile. */
#ifndef DFU_USB_SUFFIX_H
#define DFU_USB_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_USB_SUFFIX_SIZE 16u
#define DFU_USB_SUFFIX_ANY  0xffffu /* of an id: every one fits */
#define DFU_USB_SPEC_DFU    0x0100u
#define DFU_USB_SPEC_DFUSE  0x011au

struct dfu_usb_suffix {
    uint16_t device, product, vendor; /* bcdDevice, idProduct, idVendor */
    uint16_t spec;                    /* DFU_USB_SPEC_* */
    uint8_t length;                   /* of the suffix, DFU_USB_SUFFIX_SIZE or more */
    uint32_t crc;
};

/* 0; DFU_ERR_NOENT: the file has none (or a damaged one); DFU_ERR_FORMAT: it has one of an
 * impossible length. */
int dfu_usb_suffix_read(const uint8_t *file, size_t len, struct dfu_usb_suffix *out);

/* The suffix for a file of len bytes; length and crc are set here. */
void dfu_usb_suffix_make(const uint8_t *file, size_t len, struct dfu_usb_suffix *suffix,
                         uint8_t out[DFU_USB_SUFFIX_SIZE]);

/* Whether the suffix names this device. */
bool dfu_usb_suffix_fits(const struct dfu_usb_suffix *suffix, uint16_t vendor, uint16_t product);

#ifdef __cplusplus
}
#endif
#endif
