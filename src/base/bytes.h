/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bytes.h - little- and big-endian loads and stores, rounding, and the one bounds rule.
 * Fields on flash and wire are unaligned: they are always read byte by byte. */
#ifndef DFU_BASE_BYTES_H
#define DFU_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (p[1] << 8));
}

/* In its caller it is one load wherever p is known to be aligned; as a function it never is. */
__attribute__((always_inline)) static inline uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Whether [off, off + len) lies inside size. Never wraps. */
static inline bool span_fits(uint32_t off, size_t len, uint32_t size)
{
    return off <= size && len <= size - off;
}

/* a is a power of two; the caller keeps x + a below 2^32. */
static inline uint32_t round_up(uint32_t x, uint32_t a)
{
    return (x + a - 1) & ~(a - 1);
}

static inline uint32_t round_down(uint32_t x, uint32_t a)
{
    return x & ~(a - 1);
}

static inline bool is_power_of_two(uint32_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Overwrite a secret, in a way that no compiler leaves out. */
static inline void wipe_secret(void *secret, size_t len)
{
    volatile uint8_t *p = secret;

    for (size_t i = 0; i < len; i++) {
        p[i] = 0;
    }
}

#endif
