/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* tear.h - what is left of a flash operation in which power failed. The seed alone decides, so
 * that a failing case can be replayed; over many seeds every kind of damage occurs. */
#ifndef DFU_SIM_TEAR_H
#define DFU_SIM_TEAR_H

#include <stddef.h>
#include <stdint.h>

/* Whole units up to a point, then one unit of which some bits took. Returns the bytes up to the
 * end of the last unit that was touched at all. */
size_t dfu_tear_program(uint64_t seed, uint8_t *mem, const uint8_t *data, size_t len,
                        uint32_t write_size, uint8_t erased);

/* Some part of a sector is erased: a half, random bits, all but a few bytes, or next to nothing. */
void dfu_tear_erase(uint64_t seed, uint8_t *mem, uint32_t len, uint8_t erased);

#endif
