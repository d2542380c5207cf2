/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The least that a Cortex-M starts: a vector table, initialised data, and a loop. */
#include <stdint.h>

#define STACK_TOP 0x20040000u

extern const uint32_t data_load[];
extern uint32_t data_start[], data_end[];

static volatile uint32_t ticks = 1;

void reset(void)
{
    const uint32_t *from = data_load;

    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (;;) {
        ticks++;
    }
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {
    STACK_TOP,
    (uintptr_t)reset,
};
