/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_host.h - the other end of USB DFU: find the DFU interface in a device's descriptors, then
 * download or upload in steps that do no I/O.
 *
 * The caller carries out what dfu_usb_host_next() says and reports it with
 * dfu_usb_host_answer(). Every byte of a device is treated as hostile. */
#ifndef DFU_USB_HOST_H
#define DFU_USB_HOST_H

#include "dfu/usb_dfu.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_USB_HOST_ALTS_MAX 16u
#define DFU_USB_HOST_WHY_MAX  128u

/* What the descriptors say. */
struct dfu_usb_function {
    enum dfu_usb_mode mode;
    uint8_t configuration, interface;
    uint8_t alt_count;
    uint8_t strings[DFU_USB_HOST_ALTS_MAX]; /* indices of their names; 0: none */
    uint8_t attributes;
    uint16_t detach_timeout_ms, transfer_size, version;
};

/* The first DFU interface of a configuration. DFU_ERR_NOENT: there is none. */
int dfu_usb_function_find(const uint8_t *configuration, size_t len, struct dfu_usb_function *out);

/* A string descriptor as ASCII ('?' for other characters), cut to cap with its NUL. */
void dfu_usb_string_text(const uint8_t *descriptor, size_t len, char *out, size_t cap);

enum dfu_usb_host_order {
    DFU_USB_HOST_TRANSFER, /* setup, with data out or room for data in */
    DFU_USB_HOST_WAIT,     /* for wait_ms */
    DFU_USB_HOST_DONE,
    DFU_USB_HOST_FAILED, /* see err, state, status and why */
};

struct dfu_usb_host {
    /* what to do next */
    struct dfu_usb_setup setup;
    const uint8_t *out;
    uint32_t wait_ms;
    /* how it stands */
    uint32_t moved;        /* bytes of the image */
    int err;               /* DFU_ERR_STATE: the device refused; DFU_ERR_IO, _TIMEOUT: the link */
    uint8_t state, status; /* of the device */
    char why[DFU_USB_HOST_WHY_MAX];
    bool wants_reset; /* after DONE: the device waits for a bus reset */

    /* the session's own */
    uint8_t phase, after;
    uint8_t alt, attempts;
    uint16_t transfer_size, block;
    uint8_t interface, attributes;
    const uint8_t *image;
    uint32_t image_len;
    int (*sink)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
    uint8_t text_string;
};

/* Write image to an alternate of a device in DFU mode. transfer_max: the most that the link
 * carries in one transfer. */
void dfu_usb_host_download(struct dfu_usb_host *host, const struct dfu_usb_function *function,
                           uint8_t alt, uint16_t transfer_max, const uint8_t *image, uint32_t len);

/* Read one; sink gets the bytes in order and ends it with a negative error. */
void dfu_usb_host_upload(struct dfu_usb_host *host, const struct dfu_usb_function *function,
                         uint8_t alt, uint16_t transfer_max,
                         int (*sink)(void *ctx, const uint8_t *data, size_t len), void *ctx);

/* Ask a run-time device to detach, or one in DFU mode to leave it. */
void dfu_usb_host_detach(struct dfu_usb_host *host, const struct dfu_usb_function *function);

/* What the caller shall do now, with what the struct says of it; then answer. */
enum dfu_usb_host_order dfu_usb_host_next(struct dfu_usb_host *host);

/* result: the length of the data stage, DFU_ERR_STATE for a stall, another error for the link; 0
 * after a wait. data: what an IN transfer brought. */
void dfu_usb_host_answer(struct dfu_usb_host *host, int result, const uint8_t *data);

#ifdef __cplusplus
}
#endif
#endif
