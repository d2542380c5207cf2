/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Arm MPS2 with the FPGA images AN385 (Cortex-M3) and AN505 (Cortex-M33): timer, UART, and its PSRAM
 * as flash. Register numbers are those of the Cortex-M System Design Kit Technical Reference Manual,
 * chapter 4 (APB components), and of the two application notes. */
#include <string.h>

#include "chip.h"
#include "dfu/err.h"
#include "dfu/flash.h"
#include "mps2.h"

#define UART_DATA     REG(CHIP_UART)
#define UART_STATE    REG(CHIP_UART + 0x4)
#define UART_CTRL     REG(CHIP_UART + 0x8)
#define UART_INTCLEAR REG(CHIP_UART + 0xc)
#define UART_BAUDDIV  REG(CHIP_UART + 0x10)
#define UART_TX_FULL  1u
#define UART_RX_FULL  2u
#define UART_TX       1u
#define UART_RX       2u
#define UART_RX_IRQ   8u
#define UART_RX_CLEAR 2u

#define TIMER_CTRL   REG(CHIP_TIMER)
#define TIMER_VALUE  REG(CHIP_TIMER + 0x4)
#define TIMER_RELOAD REG(CHIP_TIMER + 0x8)

/* ---- Flash: memory that obeys the rules of NOR ----
 *
 * Nothing but this driver can write it, thanks to the memory protection unit; a word can only be
 * programmed once after an erase, by words; only whole sectors are erased, to ones. */

static volatile uint32_t *word_at(uint32_t off)
{
    return (volatile uint32_t *)(uintptr_t)(CHIP_FLASH + off);
}

static int flash_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (const void *)(uintptr_t)(CHIP_FLASH + off), len);
    return DFU_OK;
}

static int flash_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    uint32_t word;
    int err = DFU_OK;

    (void)ctx;
    mps2_protect_flash(false);
    for (size_t i = 0; !err && i < len; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        if (*word_at(off + i) != UINT32_MAX) {
            err = DFU_ERR_IO;
        } else if (word != UINT32_MAX) { /* ones need no programming */
            *word_at(off + i) = word;
        }
    }
    mps2_protect_flash(true);
    return err;
}

static int flash_erase(void *ctx, uint32_t off, size_t len)
{
    (void)ctx;
    mps2_protect_flash(false);
    for (size_t i = 0; i < len; i += sizeof(uint32_t)) {
        *word_at(off + i) = UINT32_MAX;
    }
    mps2_protect_flash(true);
    return DFU_OK;
}

const struct dfu_flash_ops port_flash0_ops = { flash_read, flash_write, flash_erase };

/* ---- Counter and console ---- */

void chip_start(void)
{
    mps2_protect_flash(true);
    TIMER_CTRL = 0;
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = 1;
    UART_BAUDDIV = CHIP_CORE_HZ / 115200;
    UART_CTRL = UART_TX | UART_RX | UART_RX_IRQ;
}

uint32_t chip_ticks(void)
{
    return ~TIMER_VALUE; /* it counts down */
}

bool chip_has_byte(void)
{
    return (UART_STATE & UART_RX_FULL) != 0;
}

uint8_t chip_take_byte(void)
{
    UART_INTCLEAR = UART_RX_CLEAR; /* first: once its data is read the next byte may ask */
    return (uint8_t)UART_DATA;
}

void chip_putc(uint8_t byte)
{
    while ((UART_STATE & UART_TX_FULL) != 0) {
    }
    UART_DATA = byte;
}
