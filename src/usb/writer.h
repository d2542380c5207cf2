/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* writer.h - put bytes one after the other, dropping what exceeds the room: a host that asks for
 * the first bytes of a descriptor gets just those. */
#ifndef DFU_USB_WRITER_H
#define DFU_USB_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *out;
    size_t cap, len;
};

static inline void put_bytes(struct writer *w, const void *data, size_t len)
{
    size_t room = w->cap - w->len;
    size_t n = len < room ? len : room;

    if (n > 0) {
        memcpy(w->out + w->len, data, n);
    }
    w->len += n;
}

static inline void put_byte(struct writer *w, uint8_t value)
{
    put_bytes(w, &value, 1);
}

static inline void put_word(struct writer *w, uint16_t value)
{
    put_byte(w, (uint8_t)value);
    put_byte(w, (uint8_t)(value >> 8));
}

/* ASCII as UTF-16LE. */
static inline void put_wide(struct writer *w, const char *text)
{
    for (; *text; text++) {
        put_word(w, (uint8_t)*text);
    }
}

#endif
