/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "clock.h"

/* No ticks of 64 bits: a core without a divider would divide them in 400 bytes. */
uint64_t clock_ms(uint32_t ticks)
{
    static uint32_t counted;
    static uint64_t ms;
    uint32_t whole = (ticks - counted) / CHIP_TICKS_PER_MS;

    counted += whole * CHIP_TICKS_PER_MS;
    ms += whole;
    return ms;
}
