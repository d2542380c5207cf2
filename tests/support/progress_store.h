/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* progress_store.h - memory that keeps the progress of one stream. */
#ifndef TEST_PROGRESS_STORE_H
#define TEST_PROGRESS_STORE_H

#include "dfu/stream.h"

struct progress_store {
    uint8_t record[DFU_STREAM_PROGRESS_SIZE];
    int len; /* 0: none */
};

struct dfu_stream_store progress_store_of(struct progress_store *store);

#endif
