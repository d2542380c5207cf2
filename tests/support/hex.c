/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "hex.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_MAX 4096u

size_t hex_bytes(const char *text, uint8_t *out, size_t cap)
{
    size_t len = 0;

    for (;;) {
        char digits[3] = { 0 };

        while (isspace((unsigned char)*text)) {
            text++;
        }
        if (*text == '\0') {
            return len;
        }
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) || len == cap) {
            fail_msg("not hex, or more than %zu bytes: %s", cap, text);
        }
        memcpy(digits, text, 2);
        out[len++] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
    }
}

static void print(const char *what, const uint8_t *data, size_t len)
{
    fprintf(stderr, "%s (%zu):", what, len);
    for (size_t i = 0; i < len; i++) {
        fprintf(stderr, " %02x", data[i]);
    }
    fprintf(stderr, "\n");
}

void assert_hex(const uint8_t *data, size_t len, const char *expected)
{
    static uint8_t bytes[BYTES_MAX];
    size_t count = hex_bytes(expected, bytes, sizeof(bytes));

    if (count != len || memcmp(bytes, data, len) != 0) {
        print("expected", bytes, count);
        print("got", data, len);
        fail_msg("bytes differ");
    }
}
