/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The host's side of DFU 1.1, one control transfer a step. */
#include "dfu/usb_host.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

#define OUT_CLASS      0x21u
#define IN_CLASS       0xa1u
#define OUT_INTERFACE  0x01u
#define IN_DEVICE      0x80u
#define SET_INTERFACE  11u
#define GET_DESCRIPTOR 6u
#define STRING_MAX     255u
#define LANGUAGE_US    0x0409u
#define DETACH_MS      1000u
#define MANIFEST_MS    10u /* between two questions to a device that names no time */
#define READY_ATTEMPTS 4u
#define LEN_DFU        9u
#define LEN_DFU_1_0    7u

enum phase {
    PHASE_SELECT, /* SET_INTERFACE */
    PHASE_READY,  /* GETSTATUS until dfuIDLE */
    PHASE_CLEAR,  /* CLRSTATUS or ABORT on the way there */
    PHASE_BLOCK,  /* DNLOAD */
    PHASE_STORED, /* GETSTATUS until dfuDNLOAD-IDLE */
    PHASE_END,    /* DNLOAD of nothing */
    PHASE_EFFECTIVE,
    PHASE_READ,
    PHASE_DETACH,
    PHASE_WAIT,   /* then `after` */
    PHASE_REASON, /* GETSTATUS after a stall, then PHASE_WHY */
    PHASE_WHY,    /* the status text, then failed */
    PHASE_DONE,
    PHASE_FAILED,
};

/* ---- Descriptors ---- */

static bool is_dfu_interface(const uint8_t *d)
{
    return d[0] >= 9 && d[1] == 4 && d[5] == 0xfe && d[6] == 1;
}

static void take_interface(const uint8_t *d, struct dfu_usb_function *out)
{
    if (out->alt_count == 0) {
        out->interface = d[2];
        out->mode = d[7] == 2 ? DFU_USB_DFU_MODE : DFU_USB_RUNTIME;
    }
    if (d[2] == out->interface && d[3] == out->alt_count &&
        out->alt_count < DFU_USB_HOST_ALTS_MAX) {
        out->strings[out->alt_count++] = d[8];
    }
}

static void take_functional(const uint8_t *d, struct dfu_usb_function *out)
{
    out->attributes = d[2];
    out->detach_timeout_ms = get_le16(d + 3);
    out->transfer_size = get_le16(d + 5);
    out->version = d[0] >= LEN_DFU ? get_le16(d + 7) : 0x0100;
}

int dfu_usb_function_find(const uint8_t *configuration, size_t len, struct dfu_usb_function *out)
{
    bool is_ours = false;

    memset(out, 0, sizeof *out);
    if (len < 9) {
        return DFU_ERR_NOENT;
    }
    out->configuration = configuration[5];
    for (size_t at = 0; at + 2 <= len; at += configuration[at]) {
        const uint8_t *d = configuration + at;

        if (d[0] < 2 || d[0] > len - at) {
            break;
        }
        if (d[1] == 4) {
            is_ours = is_dfu_interface(d);
        }
        if (is_dfu_interface(d)) {
            take_interface(d, out);
        } else if (is_ours && d[1] == 0x21 && d[0] >= LEN_DFU_1_0 && out->version == 0) {
            take_functional(d, out);
        }
    }
    return out->alt_count > 0 && out->transfer_size > 0 ? DFU_OK : DFU_ERR_NOENT;
}

void dfu_usb_string_text(const uint8_t *descriptor, size_t len, char *out, size_t cap)
{
    size_t n = 0;

    if (len >= 2 && descriptor[0] < len) {
        len = descriptor[0];
    }
    for (size_t at = 2; at + 2 <= len && n + 1 < cap; at += 2) {
        uint16_t c = get_le16(descriptor + at);

        bool is_ascii = c >= ' ' && c <= '~';

        out[n++] = (char)(is_ascii ? c : (uint16_t)'?');
    }
    if (cap > 0) {
        out[n] = '\0';
    }
}

/* ---- Orders ---- */

static void order(struct dfu_usb_host *host, uint8_t type, uint8_t request, uint16_t value,
                  uint16_t length)
{
    host->setup = (struct dfu_usb_setup){ type, request, value, host->interface, length };
}

static uint16_t next_len(const struct dfu_usb_host *host)
{
    return (uint16_t)min_u32(host->transfer_size, host->image_len - host->moved);
}

enum dfu_usb_host_order dfu_usb_host_next(struct dfu_usb_host *host)
{
    host->out = NULL;
    switch (host->phase) {
    case PHASE_SELECT: order(host, OUT_INTERFACE, SET_INTERFACE, host->alt, 0); break;
    case PHASE_CLEAR:
        order(host, OUT_CLASS, host->state == DFU_USB_ERROR ? DFU_USB_CLRSTATUS : DFU_USB_ABORT, 0,
              0);
        break;
    case PHASE_BLOCK:
        order(host, OUT_CLASS, DFU_USB_DNLOAD, host->block, next_len(host));
        host->out = host->image + host->moved;
        break;
    case PHASE_END: order(host, OUT_CLASS, DFU_USB_DNLOAD, host->block, 0); break;
    case PHASE_READ: order(host, IN_CLASS, DFU_USB_UPLOAD, host->block, host->transfer_size); break;
    case PHASE_DETACH: order(host, OUT_CLASS, DFU_USB_DETACH, DETACH_MS, 0); break;
    case PHASE_WHY:
        order(host, IN_DEVICE, GET_DESCRIPTOR, (uint16_t)(3u << 8 | host->text_string), STRING_MAX);
        host->setup.index = LANGUAGE_US;
        break;
    case PHASE_WAIT: return DFU_USB_HOST_WAIT;
    case PHASE_DONE: return DFU_USB_HOST_DONE;
    case PHASE_FAILED: return DFU_USB_HOST_FAILED;
    default: order(host, IN_CLASS, DFU_USB_GETSTATUS, 0, DFU_USB_STATUS_SIZE); break;
    }
    return DFU_USB_HOST_TRANSFER;
}

/* ---- Answers ---- */

static void fail(struct dfu_usb_host *host, int err)
{
    host->err = err;
    host->phase = PHASE_FAILED;
}

/* The device is in dfuERROR and may say why. */
static void fail_with_status(struct dfu_usb_host *host)
{
    fail(host, DFU_ERR_STATE);
    if (host->text_string != 0) {
        host->phase = PHASE_WHY;
    }
}

static void wait_for(struct dfu_usb_host *host, uint32_t ms, uint8_t after)
{
    host->wait_ms = ms;
    host->after = after;
    host->phase = ms > 0 ? PHASE_WAIT : after;
}

static void ready_status(struct dfu_usb_host *host, uint32_t poll_ms)
{
    if (host->attempts++ == READY_ATTEMPTS) {
        fail_with_status(host);
    } else if (host->state == DFU_USB_DNBUSY || host->state == DFU_USB_MANIFEST) {
        host->attempts--; /* busy with what another host has begun */
        wait_for(host, max_u32(poll_ms, MANIFEST_MS), PHASE_READY);
    } else if (host->state != DFU_USB_IDLE || host->status != DFU_USB_OK) {
        host->phase = PHASE_CLEAR;
    } else {
        host->phase = host->sink ? PHASE_READ : host->image_len > 0 ? PHASE_BLOCK : PHASE_END;
    }
}

static void stored_status(struct dfu_usb_host *host, uint32_t poll_ms)
{
    switch (host->state) {
    case DFU_USB_DNLOAD_IDLE:
        host->moved += next_len(host);
        host->block++;
        host->phase = host->moved < host->image_len ? PHASE_BLOCK : PHASE_END;
        break;
    case DFU_USB_DNLOAD_SYNC:
    case DFU_USB_DNBUSY: wait_for(host, max_u32(poll_ms, 1), PHASE_STORED); break;
    default: fail_with_status(host); break;
    }
}

static void effective_status(struct dfu_usb_host *host, uint32_t poll_ms)
{
    switch (host->state) {
    case DFU_USB_IDLE: host->phase = PHASE_DONE; break;
    case DFU_USB_MANIFEST_WAIT_RESET:
        host->wants_reset = true;
        host->phase = PHASE_DONE;
        break;
    case DFU_USB_MANIFEST_SYNC:
    case DFU_USB_MANIFEST: wait_for(host, max_u32(poll_ms, MANIFEST_MS), PHASE_EFFECTIVE); break;
    default: fail_with_status(host); break;
    }
}

static void take_status(struct dfu_usb_host *host, int result, const uint8_t *data)
{
    uint32_t poll_ms;

    if (result < 0) {
        /* A device that restarts by itself may be gone before it is asked. */
        bool is_gone = host->phase == PHASE_EFFECTIVE && result != DFU_ERR_STATE &&
                       !(host->attributes & DFU_USB_MANIFESTATION_TOLERANT);

        fail(host, result);
        if (is_gone) {
            host->err = DFU_OK;
            host->phase = PHASE_DONE;
        }
        return;
    }
    if (result < (int)DFU_USB_STATUS_SIZE) {
        fail(host, DFU_ERR_FORMAT);
        return;
    }
    poll_ms = data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16;
    host->status = data[0];
    host->state = data[4];
    host->text_string = data[5];
    if (host->phase == PHASE_REASON) {
        fail_with_status(host);
    } else if (host->phase == PHASE_READY) {
        ready_status(host, poll_ms);
    } else if (host->phase == PHASE_STORED) {
        stored_status(host, poll_ms);
    } else {
        effective_status(host, poll_ms);
    }
}

static void take_read(struct dfu_usb_host *host, int result, const uint8_t *data)
{
    int err = result > 0 ? host->sink(host->ctx, data, (size_t)result) : DFU_OK;

    if (err) {
        fail(host, err);
        return;
    }
    host->moved += (uint32_t)result;
    host->block++;
    if (result < host->transfer_size) {
        host->phase = PHASE_DONE;
    }
}

/* After a stall the status tells more. */
static void take_refusal(struct dfu_usb_host *host, int result)
{
    fail(host, result);
    if (result == DFU_ERR_STATE) {
        host->phase = PHASE_REASON;
    }
}

void dfu_usb_host_answer(struct dfu_usb_host *host, int result, const uint8_t *data)
{
    switch (host->phase) {
    case PHASE_READY:
    case PHASE_STORED:
    case PHASE_REASON:
    case PHASE_EFFECTIVE: take_status(host, result, data); return;
    case PHASE_WAIT: host->phase = host->after; return;
    case PHASE_WHY:
        if (result > 0) {
            dfu_usb_string_text(data, (size_t)result, host->why, sizeof host->why);
        }
        host->phase = PHASE_FAILED;
        return;
    default: break;
    }
    if (result < 0) {
        take_refusal(host, result);
        return;
    }
    switch (host->phase) {
    case PHASE_SELECT:
    case PHASE_CLEAR: host->phase = PHASE_READY; break;
    case PHASE_BLOCK: host->phase = PHASE_STORED; break;
    case PHASE_END: host->phase = PHASE_EFFECTIVE; break;
    case PHASE_READ: take_read(host, result, data); break;
    case PHASE_DETACH: host->phase = PHASE_DONE; break;
    default: break;
    }
}

/* ---- Beginnings ---- */

static void begin(struct dfu_usb_host *host, const struct dfu_usb_function *function, uint8_t alt,
                  uint16_t transfer_max)
{
    memset(host, 0, sizeof *host);
    host->interface = function->interface;
    host->attributes = function->attributes;
    host->alt = alt;
    host->transfer_size = (uint16_t)min_u32(function->transfer_size, transfer_max);
    host->phase = PHASE_SELECT;
}

void dfu_usb_host_download(struct dfu_usb_host *host, const struct dfu_usb_function *function,
                           uint8_t alt, uint16_t transfer_max, const uint8_t *image, uint32_t len)
{
    begin(host, function, alt, transfer_max);
    host->image = image;
    host->image_len = len;
}

void dfu_usb_host_upload(struct dfu_usb_host *host, const struct dfu_usb_function *function,
                         uint8_t alt, uint16_t transfer_max,
                         int (*sink)(void *ctx, const uint8_t *data, size_t len), void *ctx)
{
    begin(host, function, alt, transfer_max);
    host->sink = sink;
    host->ctx = ctx;
}

void dfu_usb_host_detach(struct dfu_usb_host *host, const struct dfu_usb_function *function)
{
    begin(host, function, 0, UINT16_MAX);
    host->phase = PHASE_DETACH;
}
