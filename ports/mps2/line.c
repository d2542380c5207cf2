/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "line.h"

#include "chip.h"
#include "port.h"

/* UARTs lie behind each other, as their interrupts do, two each. */
#define UART(line)          (CHIP_UART + 0x1000u * (line))
#define UART_DATA(line)     REG(UART(line))
#define UART_STATE(line)    REG(UART(line) + 0x4)
#define UART_CTRL(line)     REG(UART(line) + 0x8)
#define UART_INTCLEAR(line) REG(UART(line) + 0xc)
#define UART_BAUDDIV(line)  REG(UART(line) + 0x10)
#define RX_IRQ(line)        (CHIP_UART_IRQ + 2u * (line))
#define TX_FULL             1u
#define RX_FULL             2u
#define ON                  0xbu /* both directions, an interrupt for each byte that has come */
#define RX_CLEAR            2u

void line_start(unsigned line)
{
    UART_BAUDDIV(line) = 16; /* as fast as it gets */
    UART_CTRL(line) = ON;
}

int line_get(unsigned line)
{
    if ((UART_STATE(line) & RX_FULL) == 0) {
        port_wake_for(RX_IRQ(line));
        return -1;
    }
    UART_INTCLEAR(line) = RX_CLEAR; /* first: once its data is read the next byte may ask */
    return (uint8_t)UART_DATA(line);
}

void line_read(unsigned line, uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len;) {
        int byte = line_get(line);

        if (byte >= 0) {
            buf[i++] = (uint8_t)byte;
        } else {
            port_idle();
        }
    }
}

void line_write(unsigned line, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while ((UART_STATE(line) & TX_FULL) != 0) {
        }
        UART_DATA(line) = bytes[i];
    }
}
