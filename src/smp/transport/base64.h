/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* base64.h - the standard alphabet, one group at a time: 3 bytes, 4 characters. */
#ifndef DFU_SMP_TRANSPORT_BASE64_H
#define DFU_SMP_TRANSPORT_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* len is 1 to 3; fewer than 3 bytes are filled up with '='. */
void base64_put_group(const uint8_t *bytes, size_t len, uint8_t out[4]);

/* The six bits of one character, or -1; '=' is none. */
int base64_value(uint8_t character);

#endif
