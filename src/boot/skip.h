/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* skip.h - leaving alone what is already right. Comparing costs a read of both sides; an erase
 * costs a thousand times that, and wears. */
#ifndef DFU_BOOT_SKIP_H
#define DFU_BOOT_SKIP_H

#include "boot/slot_ops.h"

struct dfu_boot_skip {
    /* slot_is_equal() */
    int (*is_equal)(const struct boot_pair *pair, struct slot_cipher cipher,
                    const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                    uint32_t src_off, uint32_t len);
};

/* The same, 0 where the configuration names no such thing. */
static inline int skip_is_equal(const struct boot_pair *pair, struct slot_cipher cipher,
                                const struct dfu_area *dst, uint32_t dst_off,
                                const struct dfu_area *src, uint32_t src_off, uint32_t len)
{
    const struct dfu_boot_skip *skip = cfg_of(pair)->skip;

    return skip ? skip->is_equal(pair, cipher, dst, dst_off, src, src_off, len) : 0;
}

#endif
