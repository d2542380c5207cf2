/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_memory.h - memory behind a DFU alternate setting whose work takes as long as a test says and
 * fails where it says, and a class in front of it that is asked by raw numbers. */
#ifndef TESTS_USB_MEMORY_H
#define TESTS_USB_MEMORY_H

#include "dfu/usb_dfu.h"

#define USB_MEMORY_SIZE  1000u
#define USB_MEMORY_BLOCK 64u

struct usb_memory {
    uint8_t bytes[USB_MEMORY_SIZE];
    unsigned steps_a_block; /* pieces of work per block, and for the end */
    enum dfu_usb_status refuse_write, refuse_finish, fail_step;
    bool fail_read;

    unsigned steps_left, steps_done;
    uint32_t off;
    const uint8_t *data;
    size_t len;
    uint32_t finished; /* size given with the end; UINT32_MAX: none */
    unsigned dropped, rested;
};

extern const struct dfu_usb_target_ops usb_memory_ops;

struct usb_world {
    struct usb_memory memory;
    struct dfu_usb_alt alts[2]; /* 0: read only; 1: both */
    struct dfu_usb_dfu_config cfg;
    struct dfu_usb_dfu dfu;
    uint8_t block[USB_MEMORY_BLOCK];
    uint8_t data[8192]; /* the data stage */
    uint32_t now_ms;
};

/* In DFU mode, alternate 1, tolerant, with upload, blocks of 64 bytes. */
void usb_world_start(struct usb_world *w);

/* One class request; OUT data is w->data. Length of the reply or DFU_ERR_STATE. */
int usb_ask(struct usb_world *w, uint8_t request, uint16_t value, uint16_t length);

/* GETSTATUS; returns bState, and the rest through the pointers that are not NULL. */
unsigned usb_status(struct usb_world *w, unsigned *status, uint32_t *poll_ms);

/* Step until there is no work left. */
void usb_work(struct usb_world *w);

/* DNLOAD of len bytes, GETSTATUS, work, GETSTATUS; returns bState. */
unsigned usb_download_block(struct usb_world *w, uint16_t number, uint16_t len);

/* Bring a fresh world into a state by legal requests only. */
void usb_world_reach(struct usb_world *w, enum dfu_usb_state state);

#endif
