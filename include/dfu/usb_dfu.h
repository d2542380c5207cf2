/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_dfu.h - the USB DFU 1.1 class, device side, run-time and DFU mode, for any controller.
 *
 * Whole control requests go in, data stages come out, and dfu_usb_dfu_step() does the work that a
 * GETSTATUS has announced, one short piece a call: no request ever waits for flash. What is
 * behind an alternate setting is a target; usb_slot.h has the one that writes image slots.
 *
 * Nothing is allocated, all state is the caller's. Times are milliseconds of any clock that
 * wraps at 2^32. A power cut leaves what the target leaves; the class keeps nothing in flash. */
#ifndef DFU_USB_DFU_H
#define DFU_USB_DFU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Numbers ---- */

enum dfu_usb_request {
    DFU_USB_DETACH = 0,
    DFU_USB_DNLOAD = 1,
    DFU_USB_UPLOAD = 2,
    DFU_USB_GETSTATUS = 3,
    DFU_USB_CLRSTATUS = 4,
    DFU_USB_GETSTATE = 5,
    DFU_USB_ABORT = 6,
};

enum dfu_usb_state {
    DFU_USB_APP_IDLE = 0,
    DFU_USB_APP_DETACH = 1,
    DFU_USB_IDLE = 2,
    DFU_USB_DNLOAD_SYNC = 3,
    DFU_USB_DNBUSY = 4,
    DFU_USB_DNLOAD_IDLE = 5,
    DFU_USB_MANIFEST_SYNC = 6,
    DFU_USB_MANIFEST = 7,
    DFU_USB_MANIFEST_WAIT_RESET = 8,
    DFU_USB_UPLOAD_IDLE = 9,
    DFU_USB_ERROR = 10,
};
#define DFU_USB_STATES 11u

enum dfu_usb_status {
    DFU_USB_OK = 0x00,
    DFU_USB_ERR_TARGET = 0x01, /* an image for another product */
    DFU_USB_ERR_FILE = 0x02,   /* the right product, but no image that may be installed */
    DFU_USB_ERR_WRITE = 0x03,  /* this memory is not to be written */
    DFU_USB_ERR_ERASE = 0x04,
    DFU_USB_ERR_CHECK_ERASED = 0x05,
    DFU_USB_ERR_PROG = 0x06,
    DFU_USB_ERR_VERIFY = 0x07,  /* hash or signature */
    DFU_USB_ERR_ADDRESS = 0x08, /* larger than the memory */
    DFU_USB_ERR_NOTDONE = 0x09, /* the end came before the image was complete */
    DFU_USB_ERR_FIRMWARE = 0x0a,
    DFU_USB_ERR_VENDOR = 0x0b, /* see the status text */
    DFU_USB_ERR_USBR = 0x0c,   /* a bus reset in the middle of a transfer */
    DFU_USB_ERR_POR = 0x0d,
    DFU_USB_ERR_UNKNOWN = 0x0e,    /* also: a block out of order */
    DFU_USB_ERR_STALLEDPKT = 0x0f, /* a request that this state does not allow */
    DFU_USB_MORE = 0x100,          /* never on the wire: a target's step has more to do */
};

/* bmAttributes of the functional descriptor. */
#define DFU_USB_CAN_DNLOAD             0x01u
#define DFU_USB_CAN_UPLOAD             0x02u
#define DFU_USB_MANIFESTATION_TOLERANT 0x04u
#define DFU_USB_WILL_DETACH            0x08u

#define DFU_USB_SETUP_SIZE  8u
#define DFU_USB_STATUS_SIZE 6u

/* "dfuIDLE", "errTARGET", and the standard's sentence for a status; "?" for other numbers. */
const char *dfu_usb_state_name(unsigned state);
const char *dfu_usb_status_name(unsigned status);
const char *dfu_usb_status_text(unsigned status);

struct dfu_usb_setup {
    uint8_t type, request; /* bmRequestType, bRequest */
    uint16_t value, index, length;
};

/* USB 2.0, 9.3: little endian. */
void dfu_usb_setup_decode(const uint8_t in[DFU_USB_SETUP_SIZE], struct dfu_usb_setup *out);
void dfu_usb_setup_encode(const struct dfu_usb_setup *setup, uint8_t out[DFU_USB_SETUP_SIZE]);

/* ---- Targets ---- */

/* What an alternate setting reads and writes. A download is write (off 0, then upwards without a
 * gap), step until it is done, write, ..., finish, step; or drop at any point. */
struct dfu_usb_target_ops {
    /* Take a block as the work to do; touches no flash. data stays as it is until the work is
     * done or dropped. Returns DFU_USB_OK or why not. */
    enum dfu_usb_status (*write)(void *ctx, uint32_t off, const uint8_t *data, size_t len);
    /* That was all: the work to do is now to make the image effective. */
    enum dfu_usb_status (*finish)(void *ctx, uint32_t size);
    /* Do a piece of the work: DFU_USB_MORE, DFU_USB_OK when nothing is left, or the failure. */
    enum dfu_usb_status (*step)(void *ctx);
    /* How long the work that is left will take at most, rounded up. */
    uint32_t (*left_ms)(void *ctx);
    /* The download is over, done or not. Nothing that was written becomes effective after this. */
    void (*drop)(void *ctx);
    /* The host has been silent for a while in the middle of a download. May be NULL. */
    void (*rest)(void *ctx);
    /* Bytes from off: fewer than len at the end of the memory, 0 behind it, or a negative error. */
    int (*read)(void *ctx, uint32_t off, uint8_t *buf, size_t len);
    /* Why the last call was refused, in a few words; or NULL. */
    const char *(*why)(void *ctx);
};

struct dfu_usb_alt {
    const char *name; /* the interface string: "image_0" */
    const struct dfu_usb_target_ops *ops;
    void *ctx;
    bool can_download, can_upload;
};

/* ---- Configuration ---- */

/* Each field that a Zephyr option sets names it. */
struct dfu_usb_dfu_config {
    const struct dfu_usb_alt *alts; /* numbered from 0 */
    uint8_t alt_count;
    uint8_t interface;   /* of the run-time personality; in DFU mode it is 0 */
    uint8_t text_string; /* index of the string that tells why; 0: none */
    uint8_t *block;      /* transfer_size bytes */
    /* The largest data stage; hosts take it from the functional descriptor. dfu-util uses 4096 at
     * most. CONFIG_USB_REQUEST_BUFFER_SIZE, CONFIG_USBD_DFU_TRANSFER_SIZE */
    uint16_t transfer_size;

    /* Reading memory back; off in a product: whoever holds the cable could copy the firmware, and
     * an encrypted image is stored decrypted. CONFIG_USB_DFU_ENABLE_UPLOAD (off),
     * CONFIG_USBD_DFU_ENABLE_UPLOAD (on) */
    bool upload;
    /* Restart by itself once a download is effective; the host then sees the device go. Clears
     * bitManifestationTolerant. CONFIG_USB_DFU_REBOOT, the reverse of
     * CONFIG_USBD_DFU_MANIFESTATION_TOLERANT */
    bool reboot;
    uint16_t reboot_delay_ms; /* after the last GETSTATUS; Zephyr: 500 */
    /* Leave the bus after DFU_DETACH without waiting for the host's reset. Windows needs it.
     * CONFIG_USB_DFU_WILL_DETACH; always so in Zephyr's newer class */
    bool will_detach;
    /* How long to wait before that, or, without it, for the host's reset.
     * CONFIG_USB_DFU_DETACH_TIMEOUT */
    uint16_t detach_timeout_ms;
    /* The least bwPollTimeout while there is work; the target's own figure where that is longer.
     * CONFIG_USB_DFU_DEFAULT_POLLTIMEOUT, CONFIG_USBD_DFU_POLLTIMEOUT */
    uint16_t poll_timeout_ms;
    uint16_t rest_ms; /* silence after which a target may rest; 0: never */

    /* Whether there is an application to leave DFU mode for; NULL: there is. */
    bool (*has_application)(void *ctx);
    void *ctx;
};

/* DFU_ERR_INVAL unless there are 1 to 255 complete alternates and a block buffer. */
int dfu_usb_dfu_check(const struct dfu_usb_dfu_config *cfg);

/* bmAttributes as the configuration makes them. */
uint8_t dfu_usb_dfu_attributes(const struct dfu_usb_dfu_config *cfg);

/* ---- The class ---- */

struct dfu_usb_dfu {
    const struct dfu_usb_dfu_config *cfg;
    uint8_t state, status;
    uint8_t alt;

    /* the class's own */
    const char *why;
    bool is_open;    /* the target has a download that is neither finished nor dropped */
    bool is_working; /* the target has work left */
    bool is_resting;
    bool was_configured, was_asked; /* since it came up: only then a bus reset means to leave */
    bool is_timer_on;
    uint32_t timer_ms;
    uint32_t asked_ms; /* of the last request */
    uint32_t off;      /* of the next byte */
    uint16_t block_number;
};

enum dfu_usb_mode { DFU_USB_RUNTIME, DFU_USB_DFU_MODE };

/* Come up in one of the two personalities, in appIDLE or dfuIDLE. */
void dfu_usb_dfu_start(struct dfu_usb_dfu *dfu, const struct dfu_usb_dfu_config *cfg,
                       enum dfu_usb_mode mode);

/* One class request to the interface, with its data stage in data: for OUT requests setup->length
 * bytes received, for IN room for as many. A stack that can't take them in refuses anything longer
 * than transfer_size itself, or passes NULL and is refused here. Returns the length of the
 * IN data stage (0 for OUT), or DFU_ERR_STATE: stall. */
int dfu_usb_dfu_control(struct dfu_usb_dfu *dfu, const struct dfu_usb_setup *setup, uint8_t *data,
                        uint32_t now_ms);

/* SET_INTERFACE; 0, or DFU_ERR_STATE: stall. SET_CONFIGURATION other than 0. */
int dfu_usb_dfu_select(struct dfu_usb_dfu *dfu, uint16_t alt);
void dfu_usb_dfu_configured(struct dfu_usb_dfu *dfu);

/* What the owner has to do about the personality, after any call below. */
enum dfu_usb_wish {
    DFU_USB_STAY,
    DFU_USB_ENTER_DFU, /* leave the bus and come back in DFU mode */
    DFU_USB_RESTART,   /* leave DFU mode: reset into the bootloader or application */
};

/* The host reset the port. It counts after DETACH, and in DFU mode once the host has configured the
 * device and asked it something: hosts also reset ports while they enumerate. */
enum dfu_usb_wish dfu_usb_dfu_bus_reset(struct dfu_usb_dfu *dfu, uint32_t now_ms);

/* Call after the status stage of a request, and then as long as dfu_usb_dfu_has_work() or the
 * time of dfu_usb_dfu_due() says so. Does at most one piece of the target's work. */
enum dfu_usb_wish dfu_usb_dfu_step(struct dfu_usb_dfu *dfu, uint32_t now_ms);
bool dfu_usb_dfu_has_work(const struct dfu_usb_dfu *dfu);

/* Whether a timer runs, and when it ends. */
bool dfu_usb_dfu_due(const struct dfu_usb_dfu *dfu, uint32_t *due_ms);

/* What the status text string says now; "" where there is nothing to say. */
const char *dfu_usb_dfu_why(const struct dfu_usb_dfu *dfu);

#ifdef __cplusplus
}
#endif
#endif
