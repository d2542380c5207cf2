/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "image/reader.h"

#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/image.h"

int image_read_area(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_area_span *span = ctx;

    if (span->off > span->area->size || !span_fits(off, len, span->area->size - span->off)) {
        return DFU_ERR_RANGE;
    }
    return dfu_area_read(span->area, span->off + off, buf, len);
}

static int read_memory(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct dfu_memory_span *span = ctx;

    if (!span_fits(off, len, span->len)) {
        return DFU_ERR_RANGE;
    }
    if (len > 0) {
        memcpy(buf, span->data + off, len);
    }
    return 0;
}

struct dfu_reader dfu_area_reader(struct dfu_area_span *span)
{
    uint32_t size = span->area->size;

    return (struct dfu_reader){
        .read = image_read_area,
        .ctx = span,
        .size = span->off < size ? size - span->off : 0,
    };
}

struct dfu_reader dfu_memory_reader(struct dfu_memory_span *span)
{
    return (struct dfu_reader){ .read = read_memory, .ctx = span, .size = span->len };
}
