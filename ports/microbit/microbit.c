/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* BBC micro:bit (nRF51822): flash controller, UART, timer. Register numbers are those of the nRF51
 * Series Reference Manual, chapters 6 (NVMC), 18 (TIMER) and 29 (UART). */
#include <string.h>

#include "dfu/err.h"
#include "dfu/flash.h"
#include "port.h"

#define REG(address) (*(volatile uint32_t *)(address))

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
#define UART_IRQ      2u

#define TIMER_START     REG(0x40008000)
#define TIMER_STOP      REG(0x40008004)
#define TIMER_CAPTURE   REG(0x40008040)
#define TIMER_BITMODE   REG(0x40008508)
#define TIMER_PRESCALER REG(0x40008510)
#define TIMER_CC        REG(0x40008540)

#define SYST_CSR    REG(0xe000e010)
#define SYST_RVR    REG(0xe000e014)
#define NVIC_ISER   REG(0xe000e100)
#define NVIC_ICER   REG(0xe000e180)
#define NVIC_ICPR   REG(0xe000e280)
#define SCB_ICSR    REG(0xe000ed04)
#define SCB_AIRCR   REG(0xe000ed0c)
#define PENDSTCLR   (1u << 25)
#define CPU_HZ      16000000u
#define IDLE_MS_MAX 10u

#define RECEIVED_SIZE 64u

__attribute__((section(".retained"))) volatile struct port_retained port_retained;

/* ---- Flash: words, erased to ones, in pages ---- */

#define PAGE_SIZE 1024u

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
    for (size_t i = 0; i < len; i += PAGE_SIZE) {
        NVMC_ERASEPAGE = off + i;
        wait_for_flash();
    }
    NVMC_CONFIG = NVMC_READ_ONLY;
    return DFU_OK;
}

const struct dfu_flash_ops port_flash0_ops = { flash_read, flash_write, flash_erase };

/* ---- Clock and console ---- */

void port_start(void)
{
    __asm volatile("cpsid i");
    TIMER_STOP = 1;      /* a bootloader may have left it running */
    TIMER_BITMODE = 3;   /* 32 bits */
    TIMER_PRESCALER = 4; /* of 16 MHz: microseconds */
    TIMER_START = 1;
    SYST_RVR = CPU_HZ / 1000 * IDLE_MS_MAX - 1;
    SYST_CSR = 7; /* on, with its exception, by the core's clock */
    UART_PSELTXD = 24;
    UART_PSELRXD = 25;
    UART_BAUDRATE = 0x01d7e000; /* 115200 */
    UART_ENABLE = 4;
    UART_INTENSET = UART_RX_IRQ;
    UART_STARTRX = 1;
    UART_STARTTX = 1;
    NVIC_ISER = 1u << UART_IRQ;
}

uint64_t port_now_ms(void)
{
    static uint32_t last_us;
    static uint64_t us;
    uint32_t now_us;

    TIMER_CAPTURE = 1;
    now_us = TIMER_CC;
    us += now_us - last_us;
    last_us = now_us;
    return us / 1000;
}

/* What the interrupt has taken and port_getc() has not. */
static volatile uint8_t received[RECEIVED_SIZE];
static volatile uint8_t received_head, received_tail;

static void take_byte(void)
{
    uint8_t next = (uint8_t)((received_head + 1) % RECEIVED_SIZE);

    if (UART_RXDRDY != 0 && next != received_tail) {
        UART_RXDRDY = 0;
        received[received_head] = (uint8_t)UART_RXD;
        received_head = next;
    }
}

void port_interrupt(void)
{
    take_byte();
    if (UART_RXDRDY != 0) {
        NVIC_ICER = 1u << UART_IRQ; /* full: until somebody has read */
    }
}

static bool are_interrupts_masked(void)
{
    uint32_t primask;

    __asm volatile("mrs %0, primask" : "=r"(primask));
    return primask != 0;
}

void port_enable_interrupts(void)
{
    __asm volatile("cpsie i");
}

int port_getc(void)
{
    int byte;

    if (are_interrupts_masked()) {
        take_byte();
    }
    if (received_head == received_tail) {
        return -1;
    }
    byte = received[received_tail];
    received_tail = (uint8_t)((received_tail + 1) % RECEIVED_SIZE);
    NVIC_ISER = 1u << UART_IRQ;
    return byte;
}

void port_putc(uint8_t byte)
{
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0) {
    }
}

/* Masked interrupts end the sleep too; they are then withdrawn, because nobody serves them. */
void port_idle(void)
{
    bool are_masked = are_interrupts_masked();

    __asm volatile("cpsid i");
    if (received_head == received_tail && UART_RXDRDY == 0) {
        __asm volatile("wfi");
    }
    if (are_masked) {
        NVIC_ICPR = 1u << UART_IRQ;
        SCB_ICSR = PENDSTCLR;
    } else {
        __asm volatile("cpsie i");
    }
}

/* ---- Leaving ---- */

noreturn void port_reset(void)
{
    __asm volatile("dsb");
    SCB_AIRCR = 0x05fa0004;
    for (;;) {
    }
}

noreturn void port_jump(uint32_t vectors)
{
    SYST_CSR = 0;
    NVIC_ICPR = 1u << UART_IRQ;
    SCB_ICSR = PENDSTCLR;
    port_retained.vectors = vectors;
    __asm volatile("msr msp, %0\n"
                   "cpsie i\n"
                   "bx %1\n"
                   :
                   : "r"(REG(vectors)), "r"(REG(vectors + 4))
                   : "memory");
    __builtin_unreachable();
}
