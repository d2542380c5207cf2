/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/decompress.h"
#include "dfu/err.h"

#define DICT_CODES 40u            /* 40 itself would mean 4 GiB less one; imgtool stops at 39 */
#define PROPS      (5u * 5u * 9u) /* pb, lp, lc */

int dfu_coding_parse(const uint8_t raw[DFU_CODING_SIZE], uint32_t size, bool is_thumb,
                     struct dfu_coding *out)
{
    if (raw[0] >= DICT_CODES || raw[1] >= PROPS || raw[1] % 9 + raw[1] / 9 % 5 > 4) {
        return DFU_ERR_FORMAT;
    }
    *out = (struct dfu_coding){
        .dict_size = (2u | (raw[0] & 1u)) << (raw[0] / 2 + 11),
        .size = size,
        .is_thumb = is_thumb,
    };
    return DFU_OK;
}
