/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client.h - who speaks to a device in serial recovery, a packet at a time. */
#ifndef DFU_FAULT_CLIENT_H
#define DFU_FAULT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum client {
    NOBODY,
    LOOKER,   /* lists images and leaves */
    UPLOADER, /* writes an image over the primary, and leaves */
    RESETTER, /* the same, then has the device reset */
    MARKER,   /* confirms what lies in the secondary, then has the device reset */
};

/* What it will send; image: what is uploaded. */
void client_prepare(enum client client, const uint8_t *image, size_t size);

/* Whether it has said all it has to say. */
bool client_is_done(void);

#endif
