/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "image/thumb.h"

#include <stdbool.h>
#include <string.h>

#define PIPELINE 4u /* a branch counts from two instructions behind its own */

static bool is_branch(const uint8_t w[THUMB_WINDOW])
{
    return (w[1] & 0xf8) == 0xf0 && (w[3] & 0xf8) == 0xf8;
}

/* Eleven bits of the target in each half of a BL, in halfwords. */
static uint32_t target_of(const uint8_t w[THUMB_WINDOW])
{
    uint32_t high = (w[1] & 7u) << 8 | w[0];
    uint32_t low = (w[3] & 7u) << 8 | w[2];

    return (high << 11 | low) * 2;
}

static void set_target(uint8_t w[THUMB_WINDOW], uint32_t target)
{
    uint32_t halfwords = target / 2;

    w[0] = (uint8_t)(halfwords >> 11);
    w[1] = (uint8_t)(0xf0 | (halfwords >> 19 & 7));
    w[2] = (uint8_t)halfwords;
    w[3] = (uint8_t)(0xf8 | (halfwords >> 8 & 7));
}

size_t thumb_take(struct thumb *t, uint8_t *out, size_t len)
{
    size_t n = len < t->ready ? len : t->ready;

    memcpy(out, t->window, n);
    memmove(t->window, t->window + n, THUMB_WINDOW - n);
    t->have = (uint8_t)(t->have - n);
    t->ready = (uint8_t)(t->ready - n);
    t->pos += (uint32_t)n;
    return n;
}

void thumb_convert(struct thumb *t)
{
    if (t->have < THUMB_WINDOW) {
        t->ready = t->have;
        return;
    }
    t->ready = THUMB_WINDOW / 2;
    if (is_branch(t->window)) {
        set_target(t->window, target_of(t->window) - (t->pos + PIPELINE));
        t->ready = THUMB_WINDOW;
    }
}
