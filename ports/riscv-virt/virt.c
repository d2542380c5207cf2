/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* QEMU's RISC-V machine "virt" (docs/system/riscv/virt.rst of QEMU): a CLINT counting at 10 MHz, a
 * PLIC with a 16550 on source 10, and a test device that resets. */
#include "virt.h"

#include "chip.h"
#include "clock.h"
#include "port.h"
#include "received.h"

#define BYTE(address) (*(volatile uint8_t *)(uintptr_t)(address))

#define UART_DATA  BYTE(0x10000000)
#define UART_IER   BYTE(0x10000001)
#define UART_FCR   BYTE(0x10000002)
#define UART_LCR   BYTE(0x10000003)
#define UART_LSR   BYTE(0x10000005)
#define UART_READY 1u
#define UART_EMPTY (1u << 5)

#define MTIMECMP_LOW  REG(0x02004000)
#define MTIMECMP_HIGH REG(0x02004004)
#define MTIME_LOW     REG(0x0200bff8)
#define MTIME_HIGH    REG(0x0200bffc)
#define IDLE_TICKS    (10u * CHIP_TICKS_PER_MS)

#define PLIC_UART_PRIORITY REG(0x0c000028)
#define PLIC_ENABLE        REG(0x0c002000)
#define PLIC_THRESHOLD     REG(0x0c200000)
#define PLIC_CLAIM         REG(0x0c200004)
#define UART_SOURCE        10u

#define TEST_DEVICE REG(0x00100000)
#define TEST_RESET  0x7777u

#define MIE_TIMER    (1u << 7)
#define MIE_EXTERNAL (1u << 11)

__attribute__((section(".retained"))) volatile struct port_retained port_retained;

void virt_rearm_timer(void)
{
    uint32_t low = MTIME_LOW;
    uint64_t next = ((uint64_t)MTIME_HIGH << 32 | low) + IDLE_TICKS;

    MTIMECMP_HIGH = UINT32_MAX;
    MTIMECMP_LOW = (uint32_t)next;
    MTIMECMP_HIGH = (uint32_t)(next >> 32);
}

void port_start(void)
{
    UART_LCR = 3; /* eight bits */
    UART_FCR = 1;
    UART_IER = 1;
    PLIC_UART_PRIORITY = 1;
    PLIC_THRESHOLD = 0;
    PLIC_ENABLE = 1u << UART_SOURCE;
    virt_rearm_timer();
    __asm volatile("csrs mie, %0" ::"r"(MIE_TIMER | MIE_EXTERNAL));
}

void port_enable_interrupts(void)
{
    __asm volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE));
}

static bool are_interrupts_masked(void)
{
    uint32_t status;

    __asm volatile("csrr %0, mstatus" : "=r"(status));
    return (status & MSTATUS_MIE) == 0;
}

void port_interrupt(void)
{
    uint32_t source = PLIC_CLAIM;

    if (source == UART_SOURCE && !received_take()) {
        UART_IER = 0; /* full: until somebody has read */
    }
    if (source != 0) {
        PLIC_CLAIM = source;
    }
}

uint64_t port_now_ms(void)
{
    return clock_ms(MTIME_LOW);
}

bool chip_has_byte(void)
{
    return (UART_LSR & UART_READY) != 0;
}

uint8_t chip_take_byte(void)
{
    return UART_DATA;
}

int port_getc(void)
{
    int byte;

    if (are_interrupts_masked()) {
        (void)received_take();
    }
    byte = received_get();
    if (byte >= 0) {
        UART_IER = 1;
    }
    return byte;
}

void port_putc(uint8_t byte)
{
    while ((UART_LSR & UART_EMPTY) == 0) {
    }
    UART_DATA = byte;
}

/* Masked interrupts end the sleep too; they are then withdrawn, because nobody serves them. */
void port_idle(void)
{
    bool are_masked = are_interrupts_masked();

    __asm volatile("csrc mstatus, %0" ::"r"(MSTATUS_MIE));
    if (received_is_empty() && !chip_has_byte()) {
        __asm volatile("wfi");
    }
    if (are_masked) {
        virt_rearm_timer();
        port_interrupt();
    } else {
        port_enable_interrupts();
    }
}

noreturn void port_reset(void)
{
    TEST_DEVICE = TEST_RESET;
    for (;;) {
    }
}

void port_halt(void)
{
    __asm volatile("csrw mie, zero\n"
                   "wfi");
}

noreturn void port_jump(uint32_t vectors)
{
    __asm volatile("csrw mie, zero\n"
                   "fence.i\n"
                   "jr %0\n" ::"r"(vectors)
                   : "memory");
    __builtin_unreachable();
}
