/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* port.h on a Cortex-M: SysTick, NVIC and SCB as the ARMv6-M to ARMv8-M Architecture Reference
 * Manuals number their registers. */
#include "chip.h"
#include "clock.h"
#include "port.h"
#include "received.h"

#define SYST_CSR     REG(0xe000e010)
#define SYST_RVR     REG(0xe000e014)
#define NVIC_ISER(n) REG(0xe000e100 + (n) / 32 * 4)
#define NVIC_ICER(n) REG(0xe000e180 + (n) / 32 * 4)
#define NVIC_ICPR(n) REG(0xe000e280 + (n) / 32 * 4)
#define NVIC_BIT(n)  (1u << (n) % 32)
#define EXTERNAL     16u /* exceptions of the core come first */
#define SCB_ICSR     REG(0xe000ed04)
#define SCB_VTOR     REG(0xe000ed08) /* a Cortex-M0 has none and ignores it */
#define SCB_AIRCR    REG(0xe000ed0c)
#define PENDSTCLR    (1u << 25)
#define IDLE_MS_MAX  10u

__attribute__((section(".retained"))) volatile struct port_retained port_retained;

void port_start(void)
{
    __asm volatile("cpsid i");
    chip_start();
    SYST_RVR = CHIP_CORE_HZ / 1000 * IDLE_MS_MAX - 1;
    SYST_CSR = 7; /* on, with its exception, by the core's clock */
    NVIC_ISER(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ);
}

uint64_t port_now_ms(void)
{
    return clock_ms(chip_ticks());
}

/* ---- Console ---- */

static volatile bool is_woken;

void port_interrupt(void)
{
    uint32_t number;

    __asm volatile("mrs %0, ipsr" : "=r"(number));
    number -= EXTERNAL;
    if (number != CHIP_UART_IRQ) {
        is_woken = true;
        NVIC_ICER(number) = NVIC_BIT(number);
        return;
    }
    if (!received_take()) {
        NVIC_ICER(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ); /* full: until somebody has read */
    }
}

void port_wake_for(uint32_t interrupt)
{
    NVIC_ISER(interrupt) = NVIC_BIT(interrupt);
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
        (void)received_take();
    }
    byte = received_get();
    if (byte >= 0) {
        NVIC_ISER(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ);
    }
    return byte;
}

void port_putc(uint8_t byte)
{
    chip_putc(byte);
}

/* Masked interrupts end the sleep too; they are then withdrawn, because nobody serves them. */
void port_idle(void)
{
    bool are_masked = are_interrupts_masked();

    __asm volatile("cpsid i");
    if (received_is_empty() && !chip_has_byte() && !is_woken) {
        __asm volatile("wfi");
    }
    is_woken = false;
    if (are_masked) {
        NVIC_ICPR(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ);
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

void port_halt(void)
{
    SYST_CSR = 0;
    __asm volatile("wfi");
}

noreturn void port_jump(uint32_t vectors)
{
    SYST_CSR = 0;
    NVIC_ICER(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ);
    NVIC_ICPR(CHIP_UART_IRQ) = NVIC_BIT(CHIP_UART_IRQ);
    SCB_ICSR = PENDSTCLR;
    port_retained.vectors = vectors;
#if __ARM_ARCH >= 7 || defined(__ARM_ARCH_8M_BASE__)
    SCB_VTOR = vectors;
#endif
    __asm volatile("dsb\n"
                   "msr msp, %0\n"
                   "cpsie i\n"
                   "bx %1\n"
                   :
                   : "r"(REG(vectors)), "r"(REG(vectors + 4))
                   : "memory");
    __builtin_unreachable();
}
