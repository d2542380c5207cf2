/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* clock.h - a counter that wraps, as time. */
#ifndef DFU_MCU_CLOCK_H
#define DFU_MCU_CLOCK_H

#include <stdint.h>

/* Milliseconds since the counter stood at 0. ticks: what it says, CHIP_TICKS_PER_MS a millisecond, all
 * 32 bits; it is asked at least once while it goes round. */
uint64_t clock_ms(uint32_t ticks);

#endif
