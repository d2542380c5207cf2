/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A program's vector table. */
#include "autoconf.h"
#include "chip.h"
#include "port.h"
#include "start.h"

#ifndef CHIP_NMI
#define CHIP_NMI start_fault
#endif

/* None comes that nobody has enabled: without other drivers that is the console's alone. */
#if defined(CONFIG_MCUMGR_TRANSPORT_UART) && !defined(CONFIG_MCUMGR_TRANSPORT_UDP) && \
    !defined(CONFIG_MCUMGR_TRANSPORT_BT) && !defined(CONFIG_USB_DFU_CLASS)
#define INTERRUPTS (CHIP_UART_IRQ + 1)
#else
#define INTERRUPTS CHIP_INTERRUPTS
#endif

volatile uint32_t start_ticks;

static void tick(void)
{
    start_ticks++;
}

__attribute__((section(".vectors"), used)) static start_handler *const vectors[] = {
    (start_handler *)link_stack_top,
    start_reset,
    [2] = CHIP_NMI,
    [3 ... START_SYSTEM_VECTORS - 2] = start_fault,
    [START_SYSTEM_VECTORS - 1] = tick,
    [START_SYSTEM_VECTORS... START_SYSTEM_VECTORS + INTERRUPTS - 1] = port_interrupt,
};
