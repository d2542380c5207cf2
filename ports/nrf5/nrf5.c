/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Nordic nRF51 and nRF52: flash controller, UART, timer. Register numbers are those of the nRF51
 * Series Reference Manual, NVMC, CLOCK, GPIO, TIMER and UART; the nRF52 has the same. */
#include <string.h>

#include "chip.h"
#include "dfu/err.h"
#include "dfu/flash.h"

#define NVMC_READY     REG(0x4001e400)
#define NVMC_CONFIG    REG(0x4001e504)
#define NVMC_ERASEPAGE REG(0x4001e508)
#define NVMC_READ_ONLY 0u
#define NVMC_WRITE     1u
#define NVMC_ERASE     2u

#define UART_STARTRX  REG(0x40002000)
#define UART_STARTTX  REG(0x40002008)
#define UART_RXDRDY   REG(0x40002108)
#define UART_TXDRDY   REG(0x4000211c)
#define UART_INTENSET REG(0x40002304)
#define UART_ENABLE   REG(0x40002500)
#define UART_PSELTXD  REG(0x4000250c)
#define UART_PSELRXD  REG(0x40002514)
#define UART_RXD      REG(0x40002518)
#define UART_TXD      REG(0x4000251c)
#define UART_BAUDRATE REG(0x40002524)
#define UART_RX_IRQ   (1u << 2)

#define TIMER_START     REG(0x40008000)
#define TIMER_STOP      REG(0x40008004)
#define TIMER_CAPTURE   REG(0x40008040)
#define TIMER_BITMODE   REG(0x40008508)
#define TIMER_PRESCALER REG(0x40008510)
#define TIMER_CC        REG(0x40008540)

#define CLOCK_HFCLKSTART REG(0x40000000)

#define GPIO_OUTSET       REG(0x50000508)
#define GPIO_PIN_CNF(pin) REG(0x50000700 + 4 * (pin))
#define GPIO_OUTPUT       3u
#define GPIO_INPUT        0u

/* ---- Flash: words, erased to ones, in pages ---- */

static int flash_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (const void *)(uintptr_t)off, len);
    return DFU_OK;
}

static void wait_for_flash(void)
{
    while (NVMC_READY == 0) {
    }
}

static int flash_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    uint32_t word;

    (void)ctx;
    NVMC_CONFIG = NVMC_WRITE;
    wait_for_flash();
    for (size_t i = 0; i < len; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        REG(off + i) = word;
        wait_for_flash();
    }
    NVMC_CONFIG = NVMC_READ_ONLY;
    return DFU_OK;
}

static int flash_erase(void *ctx, uint32_t off, size_t len)
{
    (void)ctx;
    NVMC_CONFIG = NVMC_ERASE;
    wait_for_flash();
    for (size_t i = 0; i < len; i += CHIP_PAGE_SIZE) {
        NVMC_ERASEPAGE = off + i;
        wait_for_flash();
    }
    NVMC_CONFIG = NVMC_READ_ONLY;
    return DFU_OK;
}

const struct dfu_flash_ops port_flash0_ops = { flash_read, flash_write, flash_erase };

/* ---- Counter and console ---- */

void chip_start(void)
{
    TIMER_STOP = 1;      /* a bootloader may have left it running */
    TIMER_BITMODE = 3;   /* 32 bits */
    TIMER_PRESCALER = 4; /* of 16 MHz: microseconds */
    TIMER_START = 1;
    CLOCK_HFCLKSTART = 1; /* the crystal, which the UART's pace needs on real chips */
    GPIO_OUTSET = 1u << CHIP_TX_PIN;
    GPIO_PIN_CNF(CHIP_TX_PIN) = GPIO_OUTPUT;
    GPIO_PIN_CNF(CHIP_RX_PIN) = GPIO_INPUT;
    UART_PSELTXD = CHIP_TX_PIN;
    UART_PSELRXD = CHIP_RX_PIN;
    UART_BAUDRATE = 0x01d7e000; /* 115200 */
    UART_ENABLE = 4;
    UART_INTENSET = UART_RX_IRQ;
    UART_STARTRX = 1;
    UART_STARTTX = 1;
}

uint32_t chip_ticks(void)
{
    TIMER_CAPTURE = 1;
    return TIMER_CC;
}

bool chip_has_byte(void)
{
    return UART_RXDRDY != 0;
}

uint8_t chip_take_byte(void)
{
    UART_RXDRDY = 0;
    return (uint8_t)UART_RXD;
}

void chip_putc(uint8_t byte)
{
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0) {
    }
}
