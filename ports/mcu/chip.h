/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* chip.h - what a chip adds to its core: a counter and a UART. port.cmake names numbers of the chip:
 * CHIP_CORE_HZ, CHIP_TICKS_PER_MS, CHIP_UART_IRQ. */
#ifndef DFU_MCU_CHIP_H
#define DFU_MCU_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Counter and UART on, the UART asking for CHIP_UART_IRQ when a byte has come. */
void chip_start(void);

/* The NMI of a read in which ECC found two wrong bits, where a port names it as its CHIP_NMI. */
void chip_flash_error(void);

/* CHIP_TICKS_PER_MS a millisecond, all 32 bits. */
uint32_t chip_ticks(void);

bool chip_has_byte(void);
uint8_t chip_take_byte(void); /* after chip_has_byte(); withdraws the interrupt request */
void chip_putc(uint8_t byte);

#endif
