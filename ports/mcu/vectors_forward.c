/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The bootloader's vector table on a core whose table cannot be moved (Cortex-M0): every exception
 * goes on to the handler of the program that runs, whose table port_retained names. */
#include "port.h"
#include "start.h"

#define VECTORS (START_SYSTEM_VECTORS + CHIP_INTERRUPTS)

/* Before a program runs there is nothing to forward to but this. */
static start_handler *const own_vectors[] = { 0, 0, start_fault, start_fault };

__attribute__((naked)) static void forward(void)
{
    __asm volatile("mrs r0, ipsr\n"
                   "mov r1, #63\n"
                   "and r0, r1\n"
                   "lsl r0, r0, #2\n"
                   "ldr r1, =port_retained\n"
                   "ldr r1, [r1]\n"
                   "ldr r0, [r0, r1]\n"
                   "bx r0\n");
}

noreturn static void reset(void)
{
    port_retained.vectors = (uint32_t)(uintptr_t)own_vectors;
    start_reset();
}

__attribute__((section(".vectors"), used)) static start_handler *const vectors[VECTORS] = {
    (start_handler *)link_stack_top,
    reset,
    [2 ... VECTORS - 1] = forward,
};
