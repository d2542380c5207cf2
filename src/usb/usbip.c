/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The device's side of USB/IP. Always holds: c->in[0..have) is the begin of one message, and no
 * message is acted on before it is complete. */
#include "dfu/usbip.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

#define OUT 0u
#define IN  1u

#define BUSNUM     1u
#define DEVNUM     2u
#define SPEED_FULL 2u

#define STATUS_OK        0u
#define STATUS_NOT_THERE 1u
#define STATUS_BUSY      2u
#define STATUS_NO_DEVICE 4u

#define ENOMEM_STATUS    (-12)
#define OVERFLOW_STATUS  (-75)
#define GET_DESCRIPTOR   6u
#define ENUMERATION_SIZE 64u

enum phase { PHASE_OP, PHASE_IMPORT, PHASE_TRANSFERS, PHASE_OVER };

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

/* ---- Wire ---- */

void dfu_usbip_header_encode(const struct dfu_usbip_header *header,
                             uint8_t out[DFU_USBIP_HEADER_SIZE])
{
    memset(out, 0, DFU_USBIP_HEADER_SIZE);
    put_be32(out, header->command);
    put_be32(out + 4, header->seqnum);
    put_be32(out + 8, header->devid);
    put_be32(out + 12, header->direction);
    put_be32(out + 16, header->endpoint);
    put_be32(out + 20, header->status);
    put_be32(out + 24, header->length);
    memcpy(out + 40, header->setup, DFU_USB_SETUP_SIZE);
}

void dfu_usbip_header_decode(const uint8_t in[DFU_USBIP_HEADER_SIZE], struct dfu_usbip_header *out)
{
    out->command = get_be32(in);
    out->seqnum = get_be32(in + 4);
    out->devid = get_be32(in + 8);
    out->direction = get_be32(in + 12);
    out->endpoint = get_be32(in + 16);
    out->status = get_be32(in + 20);
    out->length = get_be32(in + 24);
    memcpy(out->setup, in + 40, DFU_USB_SETUP_SIZE);
}

static void send_op(const struct dfu_usbip_connection *c, uint16_t op, uint32_t status)
{
    uint8_t out[DFU_USBIP_OP_SIZE];

    put_be16(out, DFU_USBIP_VERSION);
    put_be16(out + 2, op);
    put_be32(out + 4, status);
    c->send(c->ctx, out, sizeof out);
}

/* Interfaces follow each other in a configuration descriptor; alternates count once. */
static unsigned interfaces_of(const struct dfu_usb_device *dev, uint8_t out[][4], unsigned max)
{
    uint8_t bytes[512];
    size_t len = dfu_usb_describe_configuration(dev, bytes, sizeof bytes);
    unsigned count = 0;

    for (size_t at = 0; at + 2 <= len && bytes[at] >= 2; at += bytes[at]) {
        bool is_first_alt =
            bytes[at + 1] == DFU_USB_DT_INTERFACE && at + 9 <= len && bytes[at + 3] == 0;

        if (is_first_alt && count < max) {
            memcpy(out[count], bytes + at + 5, 3);
            out[count++][3] = 0;
        }
    }
    return count;
}

static unsigned send_device(const struct dfu_usbip_connection *c, const struct dfu_usb_device *dev,
                            uint8_t interfaces[][4], unsigned max)
{
    static const char path[] = "/sys/devices/virtual/dfukit/usb1/" DFU_USBIP_BUSID;
    uint8_t out[DFU_USBIP_DEVICE_SIZE] = { 0 };
    uint8_t about[18];
    unsigned count = interfaces_of(dev, interfaces, max);

    dfu_usb_describe_device(dev, about, sizeof about);
    memcpy(out, path, sizeof path);
    memcpy(out + 256, DFU_USBIP_BUSID, sizeof DFU_USBIP_BUSID);
    put_be32(out + 288, BUSNUM);
    put_be32(out + 292, DEVNUM);
    put_be32(out + 296, SPEED_FULL);
    put_be16(out + 300, get_le16(about + 8));
    put_be16(out + 302, get_le16(about + 10));
    put_be16(out + 304, get_le16(about + 12));
    memcpy(out + 306, about + 4, 3);
    out[309] = dev->configuration;
    out[310] = 1;
    out[311] = (uint8_t)count;
    c->send(c->ctx, out, sizeof out);
    return count;
}

/* ---- Operations ---- */

#define INTERFACES_MAX 4u

static void answer_devlist(struct dfu_usbip_connection *c)
{
    const struct dfu_usb_device *dev = c->shown->device(c->shown->ctx);
    uint8_t interfaces[INTERFACES_MAX][4];
    uint8_t number[4];

    send_op(c, DFU_USBIP_REP_DEVLIST, STATUS_OK);
    put_be32(number, dev ? 1 : 0);
    c->send(c->ctx, number, sizeof number);
    if (dev) {
        unsigned count = send_device(c, dev, interfaces, INTERFACES_MAX);

        c->send(c->ctx, interfaces[0], sizeof interfaces[0] * count);
    }
    c->phase = PHASE_OVER;
}

static void answer_import(struct dfu_usbip_connection *c, const uint8_t *busid)
{
    const struct dfu_usb_device *dev = c->shown->device(c->shown->ctx);
    uint8_t interfaces[INTERFACES_MAX][4];
    uint32_t status = STATUS_OK;

    if (memcmp(busid, DFU_USBIP_BUSID, sizeof DFU_USBIP_BUSID) != 0) {
        status = STATUS_NO_DEVICE;
    } else if (!dev) {
        status = STATUS_NOT_THERE;
    } else if (c->shown->importer) {
        status = STATUS_BUSY;
    }
    send_op(c, DFU_USBIP_REP_IMPORT, status);
    c->phase = PHASE_OVER;
    if (status == STATUS_OK) {
        send_device(c, dev, interfaces, INTERFACES_MAX);
        c->shown->importer = c;
        c->phase = PHASE_TRANSFERS;
    }
}

/* ---- Transfers ---- */

static void answer_transfer(struct dfu_usbip_connection *c, uint32_t seqnum, int status,
                            uint32_t moved, size_t data_len)
{
    struct dfu_usbip_header header = {
        .command = DFU_USBIP_RET_SUBMIT,
        .seqnum = seqnum,
        .status = (uint32_t)status,
        .length = moved,
    };

    dfu_usbip_header_encode(&header, c->out);
    c->send(c->ctx, c->out, DFU_USBIP_HEADER_SIZE + data_len);
}

/* While a host enumerates a port it resets it, then asks for this. */
static bool is_after_reset(const struct dfu_usb_device *dev, const struct dfu_usb_setup *setup)
{
    return dev->configuration != 0 && setup->type == 0x80 && setup->request == GET_DESCRIPTOR &&
           setup->value == DFU_USB_DT_DEVICE << 8 && setup->length == ENUMERATION_SIZE;
}

static void take_control(struct dfu_usbip_connection *c, const struct dfu_usbip_header *header)
{
    struct dfu_usbip_export *shown = c->shown;
    const struct dfu_usb_device *dev = shown->device(shown->ctx);
    uint8_t *data = c->out + DFU_USBIP_HEADER_SIZE;
    struct dfu_usb_setup setup;
    bool is_in;
    int result;

    dfu_usb_setup_decode(header->setup, &setup);
    is_in = (setup.type & 0x80) != 0;
    setup.length = (uint16_t)min_u32(setup.length, header->length);
    if (is_in != (header->direction == IN) || setup.length != header->length) {
        answer_transfer(c, header->seqnum, DFU_USBIP_STATUS_STALL, 0, 0);
        return;
    }
    if (dev && is_after_reset(dev, &setup)) {
        shown->bus_reset(shown->ctx);
    }
    if (!is_in) {
        data = c->in + DFU_USBIP_HEADER_SIZE;
    }
    result = shown->control(shown->ctx, &setup, data);
    if (result < 0) {
        answer_transfer(c, header->seqnum, DFU_USBIP_STATUS_STALL, 0, 0);
    } else if (is_in) {
        answer_transfer(c, header->seqnum, 0, (uint32_t)result, (size_t)result);
    } else {
        answer_transfer(c, header->seqnum, 0, setup.length, 0);
    }
}

/* false: nothing to send yet. */
static bool try_in(struct dfu_usbip_connection *c, const struct dfu_usbip_waiting *in)
{
    size_t len =
        c->shown->in(c->shown->ctx, in->endpoint, c->out + DFU_USBIP_HEADER_SIZE, in->length);

    if (len == 0) {
        return false;
    }
    answer_transfer(c, in->seqnum, 0, (uint32_t)len, len);
    return true;
}

static void take_in(struct dfu_usbip_connection *c, const struct dfu_usbip_header *header)
{
    struct dfu_usbip_waiting in = { header->seqnum, header->length, (uint8_t)header->endpoint };
    bool must_queue = false;

    for (unsigned i = 0; i < c->waiting_count; i++) {
        must_queue = must_queue || c->waiting[i].endpoint == in.endpoint;
    }
    if (!must_queue && try_in(c, &in)) {
        return;
    }
    if (c->waiting_count == DFU_USBIP_WAITING) {
        answer_transfer(c, header->seqnum, ENOMEM_STATUS, 0, 0);
        return;
    }
    c->waiting[c->waiting_count++] = in;
}

static void forget_waiting(struct dfu_usbip_connection *c, unsigned i)
{
    c->waiting_count--;
    memmove(c->waiting + i, c->waiting + i + 1, (c->waiting_count - i) * sizeof c->waiting[0]);
}

static void take_unlink(struct dfu_usbip_connection *c, const struct dfu_usbip_header *header)
{
    struct dfu_usbip_header answer = { .command = DFU_USBIP_RET_UNLINK, .seqnum = header->seqnum };
    uint8_t out[DFU_USBIP_HEADER_SIZE];

    for (unsigned i = 0; i < c->waiting_count; i++) {
        if (c->waiting[i].seqnum == header->status) {
            forget_waiting(c, i);
            answer.status = (uint32_t)DFU_USBIP_STATUS_UNLINK;
            break;
        }
    }
    dfu_usbip_header_encode(&answer, out);
    c->send(c->ctx, out, sizeof out);
}

static void take_transfer(struct dfu_usbip_connection *c)
{
    struct dfu_usbip_header header;

    dfu_usbip_header_decode(c->in, &header);
    if (header.command == DFU_USBIP_UNLINK) {
        take_unlink(c, &header);
    } else if (header.endpoint > 15) {
        answer_transfer(c, header.seqnum, DFU_USBIP_STATUS_STALL, 0, 0);
    } else if (header.length > DFU_USBIP_DATA_MAX) {
        answer_transfer(c, header.seqnum, OVERFLOW_STATUS, 0,
                        0); /* an IN: an OUT never gets here */
    } else if (header.endpoint == 0) {
        take_control(c, &header);
    } else if (header.direction == IN) {
        take_in(c, &header);
    } else {
        c->shown->out(c->shown->ctx, (uint8_t)header.endpoint, c->in + DFU_USBIP_HEADER_SIZE,
                      header.length);
        answer_transfer(c, header.seqnum, 0, header.length, 0);
    }
}

/* ---- The stream ---- */

/* How long the message is of which c->have bytes are there; 0: it can't be one. */
static size_t message_size(const struct dfu_usbip_connection *c)
{
    struct dfu_usbip_header header;

    switch (c->phase) {
    case PHASE_OP: return DFU_USBIP_OP_SIZE;
    case PHASE_IMPORT: return DFU_USBIP_BUSID_SIZE;
    default: break;
    }
    if (c->have < DFU_USBIP_HEADER_SIZE) {
        return DFU_USBIP_HEADER_SIZE;
    }
    dfu_usbip_header_decode(c->in, &header);
    if (header.command == DFU_USBIP_UNLINK) {
        return DFU_USBIP_HEADER_SIZE;
    }
    if (header.command != DFU_USBIP_SUBMIT || header.direction > IN) {
        return 0;
    }
    if (header.direction == IN) {
        return DFU_USBIP_HEADER_SIZE;
    }
    return header.length <= DFU_USBIP_DATA_MAX ? DFU_USBIP_HEADER_SIZE + header.length : 0;
}

static int take_message(struct dfu_usbip_connection *c)
{
    switch (c->phase) {
    case PHASE_OP:
        if (get_be16(c->in + 2) == DFU_USBIP_REQ_DEVLIST) {
            answer_devlist(c);
        } else if (get_be16(c->in + 2) == DFU_USBIP_REQ_IMPORT) {
            c->phase = PHASE_IMPORT;
        } else {
            return DFU_ERR_FORMAT;
        }
        break;
    case PHASE_IMPORT: answer_import(c, c->in); break;
    default: take_transfer(c); break;
    }
    return c->phase == PHASE_OVER ? DFU_ERR_STATE : DFU_OK;
}

int dfu_usbip_receive(struct dfu_usbip_connection *c, const uint8_t *bytes, size_t len)
{
    for (;;) {
        size_t want = message_size(c);
        size_t n;

        if (c->phase == PHASE_OVER) {
            return DFU_ERR_STATE;
        }
        if (want == 0) {
            return DFU_ERR_FORMAT;
        }
        n = want - c->have < len ? want - c->have : len;
        if (n > 0) {
            memcpy(c->in + c->have, bytes, n);
        }
        c->have += n;
        bytes += n;
        len -= n;
        if (c->have < want) {
            return DFU_OK;
        }
        if (message_size(c) == want) { /* a header may have announced data */
            int err = take_message(c);

            c->have = 0;
            if (err) {
                return err;
            }
        }
    }
}

void dfu_usbip_poll(struct dfu_usbip_connection *c)
{
    unsigned blocked = 0; /* endpoints, a bit each: what waits first is served first */
    unsigned i = 0;

    while (i < c->waiting_count) {
        unsigned endpoint = 1u << c->waiting[i].endpoint;

        if (!(blocked & endpoint) && try_in(c, &c->waiting[i])) {
            forget_waiting(c, i);
            continue;
        }
        blocked |= endpoint;
        i++;
    }
}

bool dfu_usbip_is_imported(const struct dfu_usbip_connection *c)
{
    return c->shown->importer == c;
}

void dfu_usbip_open(struct dfu_usbip_connection *c)
{
    c->phase = PHASE_OP;
    c->have = 0;
    c->waiting_count = 0;
}

void dfu_usbip_close(struct dfu_usbip_connection *c)
{
    if (c->shown->importer == c) {
        c->shown->importer = NULL;
    }
    c->phase = PHASE_OVER;
    c->waiting_count = 0;
}
