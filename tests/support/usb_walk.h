/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* usb_walk.h - a whole USB device with image slots on simulated flash, asked anything in any
 * order. After each event it aborts if a rule of the device is broken: for random walks and
 * fuzzing. */
#ifndef TESTS_USB_WALK_H
#define TESTS_USB_WALK_H

#include "dfu/usb_device.h"
#include "dfu/usb_slot.h"
#include "nor.h"

#define WALK_TRANSFER 512u
#define WALK_SECTORS  4u
#define WALK_SECTOR   4096u
#define WALK_IMAGE    3000u

struct usb_walk {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_image_policy policy;
    struct dfu_lock lock;
    struct dfu_usb_slot_config slot_cfg;
    struct dfu_usb_slot slots[2];
    struct dfu_usb_alt alts[2];
    struct dfu_usb_dfu_config dfu_cfg;
    struct dfu_usb_identity identity;
    struct dfu_usb_device_config cfg;
    struct dfu_usb_device usb;
    uint8_t block[WALK_TRANSFER], scratch[128];
    uint8_t data[65536 + 16];
    uint8_t image[WALK_IMAGE + 256]; /* one that the device would install */
    uint32_t image_len;
    uint32_t now_ms;
    bool is_marked;
    unsigned seen[DFU_USB_STATES]; /* how often an event ended in each state */
    unsigned restarts, marked;
};

/* In DFU mode. */
void usb_walk_start(struct usb_walk *walk);
void usb_walk_free(struct usb_walk *walk);

/* One control request with its OUT data in walk->data, then the checks. */
void usb_walk_control(struct usb_walk *walk, const struct dfu_usb_setup *setup);

/* The block of the good image that the device expects next, or its end. */
void usb_walk_right_block(struct usb_walk *walk);

/* A step, after some time; a bus reset. Where the device wants to restart, it does. */
void usb_walk_step(struct usb_walk *walk, uint32_t after_ms);
void usb_walk_bus_reset(struct usb_walk *walk);

#endif
