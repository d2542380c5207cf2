/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usbip.h - show a USB device over USB/IP (protocol 1.11), so that a real host attaches it.
 *
 * One struct is one connection; bytes go in, bytes come out through a callback. All its bytes are
 * treated as hostile. USB/IP carries no bus reset: one is assumed where a host asks a configured
 * device for the first 64 bytes of its device descriptor, as hosts do while they enumerate. */
#ifndef DFU_USBIP_H
#define DFU_USBIP_H

#include "dfu/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_USBIP_PORT     3240u
#define DFU_USBIP_BUSID    "1-1"
#define DFU_USBIP_DATA_MAX 16384u /* of one transfer */
#define DFU_USBIP_WAITING  32u    /* IN transfers that wait for the device to have something */

/* ---- Wire: what server and client share; all fields big-endian ---- */

#define DFU_USBIP_OP_SIZE       8u
#define DFU_USBIP_BUSID_SIZE    32u
#define DFU_USBIP_DEVICE_SIZE   312u
#define DFU_USBIP_HEADER_SIZE   48u
#define DFU_USBIP_VERSION       0x0111u
#define DFU_USBIP_STATUS_STALL  (-32)
#define DFU_USBIP_STATUS_UNLINK (-104)

enum dfu_usbip_op {
    DFU_USBIP_REQ_DEVLIST = 0x8005,
    DFU_USBIP_REP_DEVLIST = 0x0005,
    DFU_USBIP_REQ_IMPORT = 0x8003,
    DFU_USBIP_REP_IMPORT = 0x0003,
};

enum dfu_usbip_command {
    DFU_USBIP_SUBMIT = 1,
    DFU_USBIP_UNLINK = 2,
    DFU_USBIP_RET_SUBMIT = 3,
    DFU_USBIP_RET_UNLINK = 4,
};

/* The 48 bytes before each transfer. In answers status stands where requests have flags. */
struct dfu_usbip_header {
    uint32_t command, seqnum, devid, direction, endpoint;
    uint32_t status; /* an UNLINK names the transfer here */
    uint32_t length; /* wanted, or in answers: moved */
    uint8_t setup[DFU_USB_SETUP_SIZE];
};

/* Big endian, as all of USB/IP. */
void dfu_usbip_header_encode(const struct dfu_usbip_header *header,
                             uint8_t out[DFU_USBIP_HEADER_SIZE]);
void dfu_usbip_header_decode(const uint8_t in[DFU_USBIP_HEADER_SIZE], struct dfu_usbip_header *out);

/* ---- Server ---- */

struct dfu_usbip_connection;

/* The device that is shown. */
struct dfu_usbip_export {
    /* The device as it is plugged in now; NULL: it is off the bus. */
    const struct dfu_usb_device *(*device)(void *ctx);
    /* As dfu_usb_device_control. */
    int (*control)(void *ctx, const struct dfu_usb_setup *setup, uint8_t *data);
    /* Bytes to or from another endpoint. in: how many, 0 if there are none yet. */
    void (*out)(void *ctx, uint8_t endpoint, const uint8_t *data, size_t len);
    size_t (*in)(void *ctx, uint8_t endpoint, uint8_t *buf, size_t cap);
    void (*bus_reset)(void *ctx);
    void *ctx;

    struct dfu_usbip_connection *importer; /* the export's own: one at a time */
};

struct dfu_usbip_waiting {
    uint32_t seqnum, length;
    uint8_t endpoint;
};

struct dfu_usbip_connection {
    struct dfu_usbip_export *shown;
    void (*send)(void *ctx, const uint8_t *bytes, size_t len);
    void *ctx;

    /* the connection's own */
    uint8_t phase;
    size_t have;
    struct dfu_usbip_waiting waiting[DFU_USBIP_WAITING];
    unsigned waiting_count;
    uint8_t in[DFU_USBIP_HEADER_SIZE + DFU_USBIP_DATA_MAX];
    uint8_t out[DFU_USBIP_HEADER_SIZE + DFU_USBIP_DATA_MAX];
};

/* Zero the struct, set shown, send and ctx first. */
void dfu_usbip_open(struct dfu_usbip_connection *c);

/* Take bytes of any number. DFU_ERR_FORMAT: this is no USB/IP; DFU_ERR_STATE: all was said.
 * Either way the caller closes. */
int dfu_usbip_receive(struct dfu_usbip_connection *c, const uint8_t *bytes, size_t len);

/* Answer IN transfers that have waited. Call when the device may have something to say. */
void dfu_usbip_poll(struct dfu_usbip_connection *c);

/* This connection has the device. */
bool dfu_usbip_is_imported(const struct dfu_usbip_connection *c);

/* Others may import the device again; transfers that waited are forgotten. */
void dfu_usbip_close(struct dfu_usbip_connection *c);

#ifdef __cplusplus
}
#endif
#endif
