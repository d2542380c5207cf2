/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Torn operations. Bits only ever move the way the whole operation would have moved them. */
#include "sim/tear.h"

#include <string.h>

/* splitmix64: a full-period sequence from any seed, neighbouring seeds unrelated. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((next_random(state) >> 32) * bound >> 32);
}

enum density { FEW, HALF, MOST, DENSITIES };

static uint8_t random_bits(uint64_t *state, enum density density)
{
    uint64_t r = next_random(state);

    switch (density) {
    case FEW: return (uint8_t)(r & (r >> 8) & (r >> 16));
    case MOST: return (uint8_t)(r | (r >> 8) | (r >> 16));
    default: return (uint8_t)r;
    }
}

/* Of the bits in which now and then differ, those in mask change. */
static uint8_t blend(uint8_t now, uint8_t then, uint8_t mask)
{
    return (uint8_t)(now ^ ((now ^ then) & mask));
}

size_t dfu_tear_program(uint64_t seed, uint8_t *mem, const uint8_t *data, size_t len,
                        uint32_t write_size, uint8_t erased)
{
    uint64_t state = seed;
    size_t edge = (size_t)random_below(&state, (uint32_t)(len / write_size)) * write_size;
    enum density density = (enum density)random_below(&state, DENSITIES);

    for (size_t i = 0; i < edge + write_size; i++) {
        uint8_t whole = (uint8_t)(erased == 0xff ? mem[i] & data[i] : mem[i] | data[i]);

        mem[i] = i < edge ? whole : blend(mem[i], whole, random_bits(&state, density));
    }
    return edge + write_size;
}

static void erase_bits(uint64_t *state, enum density density, uint8_t *mem, uint32_t len,
                       uint8_t erased)
{
    for (uint32_t i = 0; i < len; i++) {
        mem[i] = blend(mem[i], erased, random_bits(state, density));
    }
}

static void erase_all_but_a_few(uint64_t *state, uint8_t *mem, uint32_t len, uint8_t erased)
{
    struct {
        uint32_t at;
        uint8_t value;
    } kept[4];
    size_t count = 1 + random_below(state, 4);

    for (size_t i = 0; i < count; i++) {
        kept[i].at = random_below(state, len);
        kept[i].value = mem[kept[i].at];
    }
    memset(mem, erased, len);
    for (size_t i = 0; i < count; i++) {
        mem[kept[i].at] = blend(kept[i].value, erased, random_bits(state, FEW));
    }
}

void dfu_tear_erase(uint64_t seed, uint8_t *mem, uint32_t len, uint8_t erased)
{
    uint64_t state = seed;

    switch (random_below(&state, 6)) {
    case 0: memset(mem, erased, len / 2); break;
    case 1: memset(mem + len / 2, erased, len - len / 2); break;
    case 2: erase_bits(&state, HALF, mem, len, erased); break;
    case 3: erase_bits(&state, MOST, mem, len, erased); break;
    case 4: erase_all_but_a_few(&state, mem, len, erased); break;
    default: /* hardly begun */ erase_bits(&state, FEW, mem, len / 8, erased); break;
    }
}
