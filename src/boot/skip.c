/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "boot/skip.h"

#include <string.h>

#include "base/bytes.h"
#include "boot/keys.h"
#include "boot/slot_ops.h"
#include "dfu/err.h"

static int is_equal(const struct boot_pair *pair, struct slot_cipher cipher,
                    const struct dfu_area *dst, uint32_t dst_off, const struct dfu_area *src,
                    uint32_t src_off, uint32_t len)
{
    uint8_t *mine = cfg_of(pair)->buf;
    uint32_t half = (uint32_t)cfg_of(pair)->buf_len / 2;
    uint8_t *other = mine + half;
    uint32_t n;

    for (uint32_t at = 0; at < len; at += n) {
        int err;

        n = min_u32(len - at, half);
        err = dfu_area_read(dst, dst_off + at, mine, n);
        if (!err) {
            err = dfu_area_read(src, src_off + at, other, n);
        }
        if (!err && cipher.key && cipher.key->cipher) {
            err = cfg_of(pair)->encryption->apply(cipher.key, cipher.off + at, other, n);
        }
        if (err) {
            return err;
        }
        boot_feed(pair);
        if (memcmp(mine, other, n) != 0) {
            return 0;
        }
    }
    return 1;
}

const struct dfu_boot_skip dfu_boot_skip_equal = { .is_equal = is_equal };
