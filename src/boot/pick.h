/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* pick.h - modes that move nothing (bootloader spec 4.6, 4.7): of each image's slots the one with
 * the highest version that may run. */
#ifndef DFU_BOOT_PICK_H
#define DFU_BOOT_PICK_H

#include "boot/strategy.h"

/* Bytes of RAM, as the processor addresses it; len 0: none. */
struct ram_span {
    uint32_t addr, len;
    uint8_t *mem;
};

/* Bring an image to RAM, decrypted. taken: where the other images lie, count of them. Says on the
 * console why it cannot; DFU_ERR_VERIFY then. */
typedef int (*pick_loader)(const struct boot_pair *pair, uint8_t slot, const struct ram_span *taken,
                           struct ram_span *out);

struct pick_rules {
    bool reverts;     /* an image has one start to be confirmed */
    bool keeps_slots; /* what cannot run is not erased: there is one slot */
    pick_loader load; /* NULL: images are checked and run where they lie */
};

/* struct dfu_boot_strategy's start and look. */
int boot_pick(struct kept_boot kept, struct dfu_boot_result *out);
int boot_pick_look(const struct dfu_boot_config *cfg, uint8_t image, struct dfu_boot_outlook *out);

#endif
