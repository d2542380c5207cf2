/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp/transport/base64.h"

void base64_put_group(const uint8_t *bytes, size_t len, uint8_t out[4])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = (uint32_t)bytes[0] << 16;

    group |= len > 1 ? (uint32_t)bytes[1] << 8 : 0;
    group |= len > 2 ? bytes[2] : 0;
    for (size_t i = 0; i < 4; i++) {
        out[i] = i <= len ? (uint8_t)alphabet[(group >> (18 - 6 * i)) & 63u] : '=';
    }
}

int base64_value(uint8_t character)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '+') {
        return 62;
    }
    return character == '/' ? 63 : -1;
}
