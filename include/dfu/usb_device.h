/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_device.h - a whole USB device around the DFU class: chapter 9 requests, descriptors, and
 * beside the run-time DFU interface a CDC-ACM port.
 *
 * For stacks that hand over control requests; one that brings its own chapter 9 uses usb_dfu.h
 * and the descriptor writers alone. In run-time mode the interfaces are CDC-ACM control (0) and
 * data (1), if there is one, then DFU; in DFU mode DFU alone, with one alternate per target. */
#ifndef DFU_USB_DEVICE_H
#define DFU_USB_DEVICE_H

#include "dfu/usb_dfu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum dfu_usb_descriptor_type {
    DFU_USB_DT_DEVICE = 1,
    DFU_USB_DT_CONFIGURATION = 2,
    DFU_USB_DT_STRING = 3,
    DFU_USB_DT_INTERFACE = 4,
    DFU_USB_DT_ENDPOINT = 5,
    DFU_USB_DT_INTERFACE_ASSOCIATION = 11,
    DFU_USB_DT_BOS = 15,
    DFU_USB_DT_CAPABILITY = 16,
    DFU_USB_DT_DFU = 0x21,
    DFU_USB_DT_CLASS_INTERFACE = 0x24,
};

/* String indices. Alternates are named from DFU_USB_STR_FIRST on; the status text follows them. */
#define DFU_USB_STR_MANUFACTURER 1u
#define DFU_USB_STR_PRODUCT      2u
#define DFU_USB_STR_SERIAL       3u
#define DFU_USB_STR_FIRST        4u

#define DFU_USB_EP0_SIZE     64u
#define DFU_USB_EP_NOTIFY    1u /* IN, interrupt */
#define DFU_USB_EP_DATA      2u /* IN and OUT, bulk */
#define DFU_USB_EP_DATA_SIZE 64u

/* bRequest of the vendor requests through which hosts ask for what the BOS descriptor promises. */
#define DFU_USB_VENDOR_MS_OS  0x20u
#define DFU_USB_VENDOR_WEBUSB 0x21u

struct dfu_usb_identity {
    uint16_t vendor, product;
    uint16_t dfu_product; /* in DFU mode; CONFIG_USB_DEVICE_DFU_PID, 0xffff by default */
    uint16_t release;     /* bcdDevice */
    const char *manufacturer, *name, *serial;
    const char *guid;    /* "{...}", 38 characters: the DFU interface under Windows; or NULL */
    const char *web_url; /* "https://..." for browsers, or NULL */
};

/* How block numbers are meant, where not as DFU 1.1 does: &dfu_usb_dfuse (usb_dfuse.h). */
struct dfu_usb_dialect {
    uint16_t version; /* bcdDFUVersion */
    int (*control)(struct dfu_usb_dfu *dfu, const struct dfu_usb_setup *setup, uint8_t *data,
                   uint32_t now_ms); /* as dfu_usb_dfu_control */
};

struct dfu_usb_device_config {
    const struct dfu_usb_identity *identity;
    const struct dfu_usb_dfu_config *dfu; /* interface 2 with cdc, else 0 */
    bool cdc;
    const struct dfu_usb_dialect *dialect; /* NULL: DFU 1.1 */
};

struct dfu_usb_device {
    const struct dfu_usb_device_config *cfg;
    enum dfu_usb_mode mode;
    struct dfu_usb_dfu dfu;
    uint8_t configuration;
    bool is_line_open; /* CDC-ACM: the host has set DTR */
    uint8_t line_coding[7];
};

/* DFU_ERR_INVAL if identity, class configuration or interface and string numbers don't fit. */
int dfu_usb_device_check(const struct dfu_usb_device_config *cfg);

/* Appear on the bus with one of the two personalities. */
void dfu_usb_device_start(struct dfu_usb_device *dev, const struct dfu_usb_device_config *cfg,
                          enum dfu_usb_mode mode);

/* One control request; data as with dfu_usb_dfu_control. The length of the IN data stage, or
 * DFU_ERR_STATE: stall. */
int dfu_usb_device_control(struct dfu_usb_device *dev, const struct dfu_usb_setup *setup,
                           uint8_t *data, uint32_t now_ms);

/* The host reset the port: it is not configured any more. See dfu_usb_dfu_bus_reset(). */
enum dfu_usb_wish dfu_usb_device_bus_reset(struct dfu_usb_device *dev, uint32_t now_ms);

/* ---- Descriptors: each writes at most cap bytes and returns how many ---- */

/* Of the personality that is on the bus; the configuration with its interfaces and endpoints. */
size_t dfu_usb_describe_device(const struct dfu_usb_device *dev, uint8_t *out, size_t cap);
size_t dfu_usb_describe_configuration(const struct dfu_usb_device *dev, uint8_t *out, size_t cap);
/* 0: there is no such string. */
size_t dfu_usb_describe_string(const struct dfu_usb_device *dev, uint8_t index, uint8_t *out,
                               size_t cap);
/* Binary object store with MS OS 2.0 and WebUSB, and what those two vendor requests answer. 0:
 * the identity has neither guid nor URL. */
size_t dfu_usb_describe_bos(const struct dfu_usb_device *dev, uint8_t *out, size_t cap);
size_t dfu_usb_describe_ms_os(const struct dfu_usb_device *dev, uint8_t *out, size_t cap);
size_t dfu_usb_describe_url(const struct dfu_usb_device *dev, uint8_t *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
