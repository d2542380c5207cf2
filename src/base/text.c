/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "base/text.h"

static const char digits[] = "0123456789abcdef";

struct text text_in(char *buf, size_t cap)
{
    buf[0] = '\0';
    return (struct text){ buf, cap, 0 };
}

static void add_char(struct text *t, char c)
{
    if (t->len + 1 < t->cap) {
        t->buf[t->len++] = c;
        t->buf[t->len] = '\0';
    }
}

static void add_reversed(struct text *t, const char *reversed, size_t n)
{
    while (n > 0) {
        add_char(t, reversed[--n]);
    }
}

static void add_number(struct text *t, uint32_t value, uint32_t base)
{
    char reversed[10]; /* as many digits as UINT32_MAX has */
    size_t n = 0;

    do {
        reversed[n++] = digits[value % base];
        value /= base;
    } while (value > 0);
    add_reversed(t, reversed, n);
}

void text_add(struct text *t, const char *word)
{
    while (*word) {
        add_char(t, *word++);
    }
}

void text_add_dec(struct text *t, uint32_t value)
{
    add_number(t, value, 10);
}

#define LIMBS 4u /* of 16 bits, the lowest first */

/* By ten; the remainder. What divides 64 bits at once on a core that cannot is larger than all else
 * here. */
static uint32_t divide(uint16_t limbs[LIMBS])
{
    uint32_t rest = 0;

    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 16 | limbs[i];
        limbs[i] = (uint16_t)(rest / 10);
        rest %= 10;
    }
    return rest;
}

void text_add_dec64(struct text *t, uint64_t value)
{
    uint16_t limbs[LIMBS] = { (uint16_t)value, (uint16_t)(value >> 16), (uint16_t)(value >> 32),
                              (uint16_t)(value >> 48) };
    char reversed[20]; /* as many digits as UINT64_MAX has */
    size_t n = 0;

    do {
        reversed[n++] = digits[divide(limbs)];
    } while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0);
    add_reversed(t, reversed, n);
}

void text_add_hex(struct text *t, uint32_t value)
{
    add_number(t, value, 16);
}

void text_add_bytes(struct text *t, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        add_char(t, digits[data[i] >> 4]);
        add_char(t, digits[data[i] & 15u]);
    }
}

void text_add_tenths(struct text *t, uint64_t value, uint32_t of)
{
    uint64_t tenths = value / of * 10 + (value % of * 10 + of / 2) / of;

    text_add_dec64(t, tenths / 10);
    add_char(t, '.');
    text_add_dec64(t, tenths % 10);
}
