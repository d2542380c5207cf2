/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "progress_store.h"

#include <string.h>

#include "dfu/err.h"

static int save(void *ctx, const void *record, size_t len)
{
    struct progress_store *store = ctx;

    memcpy(store->record, record, len);
    store->len = (int)len;
    return DFU_OK;
}

static int load(void *ctx, void *record, size_t cap)
{
    struct progress_store *store = ctx;

    if (store->len == 0) {
        return DFU_ERR_NOENT;
    }
    memcpy(record, store->record, (size_t)store->len < cap ? (size_t)store->len : cap);
    return store->len;
}

static int clear(void *ctx)
{
    ((struct progress_store *)ctx)->len = 0;
    return DFU_OK;
}

struct dfu_stream_store progress_store_of(struct progress_store *store)
{
    return (struct dfu_stream_store){ save, load, clear, store };
}
