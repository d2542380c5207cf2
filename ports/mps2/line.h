/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* line.h - the board's second and third UART, for what stands in for hardware that it lacks. */
#ifndef DFU_MPS2_LINE_H
#define DFU_MPS2_LINE_H

#include <stddef.h>
#include <stdint.h>

/* Number 1 or 2; the console is 0. */
void line_start(unsigned line);

/* A byte, or -1. Arranges that the next one ends a sleep. */
int line_get(unsigned line);

/* The next len bytes, however long they take. */
void line_read(unsigned line, uint8_t *buf, size_t len);

void line_write(unsigned line, const uint8_t *bytes, size_t len);

#endif
