/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* fill.h - bootstrap: whether the primary waits for an image to be copied into it. */
#ifndef DFU_BOOT_FILL_H
#define DFU_BOOT_FILL_H

#include "boot/strategy.h"

/* It holds nothing that may run, or only a part of what the secondary still holds. */
bool fill_is_due(const struct boot_pair *pair);

#endif
