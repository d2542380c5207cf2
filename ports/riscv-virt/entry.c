/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A program's first instructions, and its traps (RISC-V Privileged Architecture, 3.1). */
#include "port.h"
#include "start.h"
#include "virt.h"

#define INTERRUPT (1u << 31)
#define TIMER     (INTERRUPT | 7u)
#define EXTERNAL  (INTERRUPT | 11u)

volatile uint32_t start_ticks;

__attribute__((interrupt("machine"), aligned(4), used)) static void trap(void)
{
    uint32_t cause;

    __asm volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == TIMER) {
        virt_rearm_timer();
        start_ticks++;
    } else if (cause == EXTERNAL) {
        port_interrupt();
    } else {
        start_fault();
    }
}

__attribute__((naked, section(".vectors"), used)) static void entry(void)
{
    __asm volatile("csrci mstatus, 8\n"
                   "csrw mie, zero\n"
                   "la sp, link_stack_top\n"
                   "la t0, trap\n"
                   "csrw mtvec, t0\n"
                   "j start_reset\n");
}
