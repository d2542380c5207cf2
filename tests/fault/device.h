/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* device.h - devices that must not run what they hold. Each has another reason: what lies in which
 * slot, in which mode, and what a client does where there is serial recovery. */
#ifndef DFU_FAULT_DEVICE_H
#define DFU_FAULT_DEVICE_H

#include <stdbool.h>

enum {
    DEVICE_REFUSED = 0, /* nothing ran, or good images from their first instruction */
    DEVICE_RAN = 1,     /* something else did */
};

/* A name a line. */
void device_print_names(void);

/* One device for this process; false: there is none of this name. */
bool device_set_up(const char *name);

/* From power on, through resets, until it runs something or nobody comes any more. */
int device_start(void);

#endif
