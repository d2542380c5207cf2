/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* crc.h - the two checksums of the field's protocols. */
#ifndef DFU_BASE_CRC_H
#define DFU_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16 of SMP console framing: polynomial 0x1021, not reflected; start with crc = 0.
 * "123456789" gives 0x31c3; a body followed by its big-endian CRC gives 0. */
uint16_t dfu_crc16(uint16_t crc, const void *data, size_t len);

/* CRC-32 (IEEE 802.3, as zlib): start with crc = 0; "123456789" gives 0xcbf43926. */
uint32_t dfu_crc32(uint32_t crc, const void *data, size_t len);

#endif
