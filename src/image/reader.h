/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* reader.h - what a reader of an area calls, for who knows that all readers are such. */
#ifndef DFU_IMAGE_READER_H
#define DFU_IMAGE_READER_H

#include <stddef.h>
#include <stdint.h>

/* ctx: a struct dfu_area_span. */
int image_read_area(void *ctx, uint32_t off, void *buf, size_t len);

#endif
