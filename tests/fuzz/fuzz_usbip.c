/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A hostile USB/IP client: any bytes, in pieces of any size. What comes back is whole messages. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/usbip.h"
#include "usb_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dfu_usb_device *device(void *ctx)
{
    struct usb_walk *walk = ctx;

    return &walk->usb;
}

static int control(void *ctx, const struct dfu_usb_setup *setup, uint8_t *data)
{
    struct usb_walk *walk = ctx;

    return dfu_usb_device_control(&walk->usb, setup, data, 0);
}

static void out(void *ctx, uint8_t endpoint, const uint8_t *data, size_t len)
{
    (void)ctx;
    if (endpoint == 0 || endpoint > 15 || len > DFU_USBIP_DATA_MAX || (len > 0 && !data)) {
        abort();
    }
}

static size_t in(void *ctx, uint8_t endpoint, uint8_t *buf, size_t cap)
{
    (void)ctx;
    if (cap == 0 || endpoint % 2) {
        return 0;
    }
    memset(buf, 'x', cap < 100 ? cap : 100);
    return cap < 100 ? cap : 100;
}

static void bus_reset(void *ctx)
{
    struct usb_walk *walk = ctx;

    dfu_usb_device_bus_reset(&walk->usb, 0);
}

static void sent(void *ctx, const uint8_t *bytes, size_t len)
{
    size_t *total = ctx;

    if (len > DFU_USBIP_HEADER_SIZE + DFU_USBIP_DATA_MAX || (len > 0 && !bytes)) {
        abort();
    }
    *total += len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct usb_walk walk;
    static struct dfu_usbip_connection connection;
    size_t total = 0;
    size_t piece = size > 0 ? data[0] + 1u : 1;
    struct dfu_usbip_export shown = { device, control, out, in, bus_reset, &walk, NULL };

    usb_walk_start(&walk);
    connection.shown = &shown;
    connection.send = sent;
    connection.ctx = &total;
    dfu_usbip_open(&connection);
    for (size_t at = size > 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;

        if (dfu_usbip_receive(&connection, data + at, n)) {
            break;
        }
        dfu_usbip_poll(&connection);
    }
    dfu_usbip_close(&connection);
    if (shown.importer) {
        abort();
    }
    usb_walk_free(&walk);
    return 0;
}
