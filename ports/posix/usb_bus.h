/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_bus.h - USB devices that can do DFU: those of this machine, through libusb, or one that is
 * shown over USB/IP somewhere, without a kernel module. */
#ifndef DFU_POSIX_USB_BUS_H
#define DFU_POSIX_USB_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/usb_host.h"

#define DFU_USB_BUS_DEVICES_MAX 16u
#define DFU_USB_BUS_WHY_MAX     256u

struct libusb_context;
struct libusb_device;
struct libusb_device_handle;

struct dfu_usb_found {
    uint16_t vendor, product, release;
    struct dfu_usb_function function;
    char serial[64];
    char names[DFU_USB_HOST_ALTS_MAX][64];
    struct libusb_device *device; /* libusb's */
};

struct dfu_usb_bus {
    /* USB/IP: where; fd -1: not attached */
    bool is_usbip;
    char host[256], port[8];
    int fd;
    uint32_t seqnum;
    /* libusb */
    struct libusb_context *context;
    struct libusb_device_handle *handle;
    uint8_t claimed;

    struct dfu_usb_found found[DFU_USB_BUS_DEVICES_MAX];
    size_t count;
    char why[DFU_USB_BUS_WHY_MAX];
};

/* where: NULL for this machine's own, or "usbip:HOST[:PORT]". DFU_ERR_INVAL or DFU_ERR_IO, and a
 * sentence in why. */
int dfu_usb_bus_open(struct dfu_usb_bus *bus, const char *where);
void dfu_usb_bus_close(struct dfu_usb_bus *bus);

/* Look again: bus->found are the devices with a DFU interface, bus->count how many. A device that
 * is off the bus is simply not found. */
int dfu_usb_bus_scan(struct dfu_usb_bus *bus);

/* Take one of those found for control transfers; release it before the next scan. */
int dfu_usb_bus_claim(struct dfu_usb_bus *bus, const struct dfu_usb_found *found);
void dfu_usb_bus_release(struct dfu_usb_bus *bus);

/* One control transfer; its length, DFU_ERR_STATE: stalled, DFU_ERR_IO: the device is gone. */
int dfu_usb_bus_control(struct dfu_usb_bus *bus, const struct dfu_usb_setup *setup, uint8_t *data);

/* Reset the claimed device; it may come back as another one. */
void dfu_usb_bus_reset(struct dfu_usb_bus *bus);

/* The largest data stage that the way to the device carries. */
uint16_t dfu_usb_bus_transfer_max(const struct dfu_usb_bus *bus);

#endif
