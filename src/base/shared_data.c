/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/shared_data.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"

#define HEAD 4u

/* The bytes in use, or an error. */
static int length_of(const uint8_t *mem, size_t size)
{
    uint16_t total;

    if (!mem || size < HEAD || get_le16(mem) != DFU_SHARED_MAGIC) {
        return DFU_ERR_FORMAT;
    }
    total = get_le16(mem + 2);
    return total < HEAD || total > size ? DFU_ERR_FORMAT : total;
}

int dfu_shared_init(uint8_t *mem, size_t size)
{
    if (!mem || size < HEAD) {
        return DFU_ERR_NOSPACE;
    }
    memset(mem, 0, size);
    put_le16(mem, DFU_SHARED_MAGIC);
    put_le16(mem + 2, HEAD);
    return DFU_OK;
}

int dfu_shared_find(const uint8_t *mem, size_t size, uint16_t type, const uint8_t **data)
{
    int total = length_of(mem, size);
    uint32_t at = HEAD;

    if (total < 0) {
        return total;
    }
    while (at < (uint32_t)total) {
        uint32_t left = (uint32_t)total - at;
        uint16_t len;

        if (left < HEAD) {
            return DFU_ERR_FORMAT;
        }
        len = get_le16(mem + at + 2);
        if (len > left - HEAD) {
            return DFU_ERR_FORMAT;
        }
        if (get_le16(mem + at) == type) {
            *data = mem + at + HEAD;
            return len;
        }
        at += HEAD + len;
    }
    return DFU_ERR_NOENT;
}

int dfu_shared_add(uint8_t *mem, size_t size, uint16_t type, const void *data, uint16_t len)
{
    const uint8_t *other;
    int found = dfu_shared_find(mem, size, type, &other);
    uint32_t total;

    if (found != DFU_ERR_NOENT) {
        return found < 0 ? found : DFU_ERR_STATE;
    }
    total = get_le16(mem + 2);
    if (HEAD + len > (uint32_t)(size < UINT16_MAX ? size : UINT16_MAX) - total) {
        return DFU_ERR_NOSPACE;
    }
    put_le16(mem + total, type);
    put_le16(mem + total + 2, len);
    memcpy(mem + total + HEAD, data, len);
    put_le16(mem + 2, (uint16_t)(total + HEAD + len));
    return DFU_OK;
}

int dfu_shared_number(const uint8_t *mem, size_t size, uint16_t type, uint32_t *out)
{
    const uint8_t *data;
    int len = dfu_shared_find(mem, size, type, &data);

    if (len == 1) {
        *out = data[0];
    } else if (len == 4) {
        *out = get_le32(data);
    } else {
        return len < 0 ? len : DFU_ERR_FORMAT;
    }
    return DFU_OK;
}
