/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* text.h - put a line of text together in a buffer: cut to what fits, always ended with a NUL. */
#ifndef DFU_BASE_TEXT_H
#define DFU_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
    char *buf;
    size_t cap; /* with the NUL; at least 1 */
    size_t len;
};

/* An empty text in a caller's buffer. */
struct text text_in(char *buf, size_t cap);

void text_add(struct text *t, const char *word);
void text_add_dec(struct text *t, uint32_t value);
void text_add_dec64(struct text *t, uint64_t value);
void text_add_hex(struct text *t, uint32_t value); /* lower case, no prefix, no leading zeros */
void text_add_bytes(struct text *t, const uint8_t *data, size_t len); /* two digits each */

/* Tenths, rounded to nearest: 18149 of 1000 reads "18.1". */
void text_add_tenths(struct text *t, uint64_t value, uint32_t of);

#endif
