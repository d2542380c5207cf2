/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* start.h - what vector tables name. */
#ifndef DFU_MCU_START_H
#define DFU_MCU_START_H

#include <stdint.h>
#include <stdnoreturn.h>

#define START_SYSTEM_VECTORS 16u /* the core's; CHIP_INTERRUPTS of the chip follow */

typedef void start_handler(void);

extern uint32_t link_stack_top[];

/* SysTick exceptions that the application has served. */
extern volatile uint32_t start_ticks;

noreturn void start_reset(void);
noreturn void start_fault(void);

#endif
