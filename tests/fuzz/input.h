/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* input.h - a fuzzer's bytes, taken a few at a time; and what must hold whatever they are. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t len;
};

static inline void require(bool claim)
{
    if (!claim) {
        abort();
    }
}

/* 0 once there is nothing left. */
static inline uint8_t take_byte(struct input *in)
{
    if (in->len == 0) {
        return 0;
    }
    in->len--;
    return *in->data++;
}

/* Up to len bytes. */
static inline struct input take(struct input *in, size_t len)
{
    struct input out = { in->data, len < in->len ? len : in->len };

    in->data += out.len;
    in->len -= out.len;
    return out;
}

/* The same, copied; how many. */
static inline size_t take_into(struct input *in, uint8_t *out, size_t len)
{
    struct input taken = take(in, len);

    if (taken.len > 0) {
        memcpy(out, taken.data, taken.len);
    }
    return taken.len;
}

#endif
