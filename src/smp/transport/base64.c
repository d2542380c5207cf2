/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp/transport/base64.h"

/* The alphabet, in runs of consecutive characters. */
static const struct {
    uint8_t first, count;
} runs[] = { { 'A', 26 }, { 'a', 26 }, { '0', 10 }, { '+', 1 }, { '/', 1 } };

#define RUNS (sizeof(runs) / sizeof(runs[0]))

static uint8_t character_of(uint32_t value)
{
    size_t run = 0;

    while (value >= runs[run].count) {
        value -= runs[run++].count;
    }
    return (uint8_t)(runs[run].first + value);
}

void base64_put_group(const uint8_t *bytes, size_t len, uint8_t out[4])
{
    uint32_t group = (uint32_t)bytes[0] << 16;

    group |= len > 1 ? (uint32_t)bytes[1] << 8 : 0;
    group |= len > 2 ? bytes[2] : 0;
    for (size_t i = 0; i < 4; i++) {
        out[i] = i <= len ? character_of((group >> (18 - 6 * i)) & 63u) : '=';
    }
}

int base64_value(uint8_t character)
{
    int before = 0;

    for (size_t run = 0; run < RUNS; run++) {
        uint8_t value = (uint8_t)(character - runs[run].first);

        if (value < runs[run].count) {
            return before + value;
        }
        before += runs[run].count;
    }
    return -1;
}
