/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* magic.h - the 16 bytes that say a slot has a trailer. */
#ifndef DFU_IMAGE_MAGIC_H
#define DFU_IMAGE_MAGIC_H

#include <stdint.h>

#define TRAILER_MAGIC_SIZE 16u

/* MCUboot's fixed magic where the largest alignment is 8; elsewhere the alignment comes first. */
void trailer_magic(uint8_t max_align, uint8_t out[TRAILER_MAGIC_SIZE]);

#endif
