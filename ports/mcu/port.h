/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* port.h - what a microcontroller gives the bootloader and the application: a clock, a console, a
 * reset, memory that a reset leaves alone, and the way into an image. Flash drivers have the names
 * that board tables use: port_NODE_ops for the device NODE of the board file. */
#ifndef DFU_MCU_PORT_H
#define DFU_MCU_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

/* At the start of RAM, kept through a reset; both programs have it in the same place. */
struct port_retained {
    uint32_t vectors;      /* of the program that runs, for a core that cannot move its table */
    uint32_t boot_mode;    /* what the application asks of the next start */
    uint32_t boot_mode_ok; /* its complement, or there is none */
    uint32_t unused;
};
extern volatile struct port_retained port_retained;

/* Clock and console; interrupts stay masked. */
void port_start(void);

/* From here on the application's handlers are called, port_interrupt() for the chip's own. */
void port_enable_interrupts(void);
void port_interrupt(void);

/* Milliseconds since port_start(). */
uint64_t port_now_ms(void);

/* A byte from the console, or -1. */
int port_getc(void);
void port_putc(uint8_t byte);

/* Let this interrupt of the chip end the next sleep, once: whoever asks for it looks by itself. */
void port_wake_for(uint32_t interrupt);

/* Sleep until there may be something to do: a byte has come, or some milliseconds have passed. */
void port_idle(void);

noreturn void port_reset(void);

/* Where there is nothing left to do, until something resets the processor; may come back. */
void port_halt(void);

/* Into the program whose vector table lies there. */
noreturn void port_jump(uint32_t vectors);

#endif
