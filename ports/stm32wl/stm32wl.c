/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* ST STM32WLE5: flash, USART, a timer, all at the 4 MHz of its start. Register numbers are those of
 * the reference manual RM0461, FLASH, RCC, GPIO, TIM2 and USART. */
#include <string.h>

#include "chip.h"
#include "dfu/err.h"
#include "dfu/flash.h"

#define FLASH_BASE 0x08000000u
#define FLASH_KEYR REG(0x58004008)
#define FLASH_SR   REG(0x58004010)
#define FLASH_CR   REG(0x58004014)
#define FLASH_ECCR REG(0x58004018)
#define FLASH_KEY1 0x45670123u
#define FLASH_KEY2 0xcdef89abu
#define SR_ERRORS  0xc3fau
#define SR_BUSY    (1u << 16 | 1u << 18)
#define CR_PROGRAM 1u
#define CR_ERASE   2u
#define CR_PAGE(n) ((n) << 3)
#define CR_START   (1u << 16)
#define CR_LOCK    (1u << 31)
#define ECCR_BOTH  (3u << 30) /* one wrong bit, two */
#define PAGE       2048u

#define RCC_AHB2ENR  REG(0x5800004c)
#define RCC_APB1ENR1 REG(0x58000058)
#define RCC_APB2ENR  REG(0x58000060)
#define GPIOB_ON     2u
#define TIM2_ON      1u
#define USART1_ON    (1u << 14)

#define GPIOB_MODER REG(0x48000400)
#define GPIOB_AFRL  REG(0x48000420)

#define USART_CR1    REG(0x40013800)
#define USART_BRR    REG(0x4001380c)
#define USART_ISR    REG(0x4001381c)
#define USART_ICR    REG(0x40013820)
#define USART_RDR    REG(0x40013824)
#define USART_TDR    REG(0x40013828)
#define CR1_ON       (1u | 1u << 2 | 1u << 3 | 1u << 5) /* both ways, an interrupt for a byte */
#define ISR_OVERRUN  (1u << 3)
#define ISR_BYTE     (1u << 5)
#define ISR_TX_EMPTY (1u << 7)

#define TIM2_CR1 REG(0x40000000)
#define TIM2_EGR REG(0x40000014)
#define TIM2_CNT REG(0x40000024)
#define TIM2_PSC REG(0x40000028)
#define TIM2_ARR REG(0x4000002c)

/* ---- Flash: double words, each programmed once; pages ---- */

static int flash_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (const void *)(uintptr_t)(FLASH_BASE + off), len);
    return DFU_OK;
}

/* The NMI of a read that found two wrong bits, as a cut leaves them: the bytes are passed on. */
void chip_flash_error(void)
{
    FLASH_ECCR |= ECCR_BOTH; /* written as 1, they are cleared */
}

static void unlock(void)
{
    while ((FLASH_SR & SR_BUSY) != 0) {
    }
    if ((FLASH_CR & CR_LOCK) != 0) {
        FLASH_KEYR = FLASH_KEY1;
        FLASH_KEYR = FLASH_KEY2;
    }
    FLASH_SR = SR_ERRORS;
}

static int finish(void)
{
    uint32_t status;

    while (((status = FLASH_SR) & SR_BUSY) != 0) {
    }
    return (status & SR_ERRORS) != 0 ? DFU_ERR_IO : DFU_OK;
}

static int flash_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    uint32_t words[2];
    int err = DFU_OK;

    (void)ctx;
    unlock();
    for (size_t i = 0; !err && i < len; i += sizeof words) {
        memcpy(words, from + i, sizeof words);
        FLASH_CR = CR_PROGRAM;
        REG(FLASH_BASE + off + i) = words[0];
        __asm volatile("isb");
        REG(FLASH_BASE + off + i + 4) = words[1];
        err = finish();
    }
    FLASH_CR = CR_LOCK;
    return err;
}

static int flash_erase(void *ctx, uint32_t off, size_t len)
{
    int err = DFU_OK;

    (void)ctx;
    unlock();
    for (size_t i = 0; !err && i < len; i += PAGE) {
        FLASH_CR = CR_ERASE | CR_PAGE((off + i) / PAGE);
        FLASH_CR = CR_ERASE | CR_PAGE((off + i) / PAGE) | CR_START;
        err = finish();
    }
    FLASH_CR = CR_LOCK;
    return err;
}

const struct dfu_flash_ops port_flash0_ops = { flash_read, flash_write, flash_erase };

/* ---- Counter and console: USART1 on PB6 and PB7 ---- */

void chip_start(void)
{
    RCC_AHB2ENR |= GPIOB_ON;
    RCC_APB1ENR1 |= TIM2_ON;
    RCC_APB2ENR |= USART1_ON;
    (void)RCC_APB2ENR; /* the clocks run once this was read */
    GPIOB_MODER = (GPIOB_MODER & ~0xf000u) | 0xa000u;
    GPIOB_AFRL = (GPIOB_AFRL & ~0xff000000u) | 0x77000000u;
    TIM2_CR1 = 0;
    TIM2_PSC = CHIP_CORE_HZ / 1000000u - 1; /* microseconds */
    TIM2_ARR = UINT32_MAX;
    TIM2_EGR = 1;
    TIM2_CR1 = 1;
    USART_CR1 = 0;
    USART_BRR = (CHIP_CORE_HZ + 57600u) / 115200u;
    USART_CR1 = CR1_ON;
}

uint32_t chip_ticks(void)
{
    return TIM2_CNT;
}

bool chip_has_byte(void)
{
    USART_ICR = ISR_OVERRUN; /* it would ask for an interrupt, too */
    return (USART_ISR & ISR_BYTE) != 0;
}

uint8_t chip_take_byte(void)
{
    return (uint8_t)USART_RDR;
}

void chip_putc(uint8_t byte)
{
    while ((USART_ISR & ISR_TX_EMPTY) == 0) {
    }
    USART_TDR = byte;
}
