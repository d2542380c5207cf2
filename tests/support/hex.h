/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* hex.h - bytes as the specifications print them: "08 00 00 01", blanks anywhere. */
#ifndef DFU_TEST_HEX_H
#define DFU_TEST_HEX_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes text stands for; fails the running test if it is no hex or more than cap. */
size_t hex_bytes(const char *text, uint8_t *out, size_t cap);

/* Compare with hex text; a failure prints both. */
void assert_hex(const uint8_t *data, size_t len, const char *expected);

#endif
