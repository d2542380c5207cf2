/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Bitwise: small on an MCU, and no link here is fast enough to notice. */
#include "base/crc.h"

uint16_t dfu_crc16(uint16_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ (p[i] << 8));
        for (int bit = 0; bit < 8; bit++) {
            uint16_t carry = crc & 0x8000u;

            crc = (uint16_t)(crc << 1);
            crc = carry ? crc ^ 0x1021u : crc;
        }
    }
    return crc;
}

uint32_t dfu_crc32(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}
