/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Ambiq Apollo3 Blue: flash, UART, a timer. Register numbers are those of the Apollo3 Blue datasheet,
 * GPIO, UART, CTIMER (its system timer), PWRCTRL and CACHECTRL; the functions in ROM that program
 * flash, and what they take, are those of AmbiqSuite 2's am_hal_flash. */
#include <string.h>

#include "chip.h"
#include "dfu/err.h"
#include "dfu/flash.h"

#define FLASH_KEY      0x12344321u
#define PAGE           8192u
#define INSTANCE_PAGES 64u

#define CACHE_CFG REG(0x40018000)

#define PWR_DEVPWREN       REG(0x40021008)
#define PWR_DEVPWRSTATUS   REG(0x40021018)
#define DEVPWREN_UART0     (1u << 7)
#define DEVPWRSTATUS_UARTS (1u << 2)

#define GPIO_PADREGJ REG(0x40010024) /* pads 36 to 39, a byte each */
#define GPIO_PADREGK REG(0x40010028) /* pads 40 to 43 */
#define GPIO_PADKEY  REG(0x40010060)
#define PADKEY       0x73u
#define PAD_UART     0u /* the function of pads 39 and 40 that is UART0 */
#define PAD_INPUT    (1u << 1)

#define UART_DR         REG(0x4001c000)
#define UART_FR         REG(0x4001c018)
#define UART_IBRD       REG(0x4001c024)
#define UART_FBRD       REG(0x4001c028)
#define UART_LCRH       REG(0x4001c02c)
#define UART_CR         REG(0x4001c030)
#define UART_IFLS       REG(0x4001c034)
#define UART_IER        REG(0x4001c038)
#define UART_IEC        REG(0x4001c044)
#define FR_BUSY         (1u << 3)
#define FR_RX_EMPTY     (1u << 4)
#define FR_TX_FULL      (1u << 5)
#define LCRH_8_BITS     (3u << 5)
#define LCRH_FIFOS      (1u << 4)
#define CR_CLOCK_24_MHZ (1u << 4 | 1u << 3)
#define CR_ON           (1u | 1u << 8 | 1u << 9) /* both ways */
#define IRQ_RX          (1u << 4 | 1u << 6)      /* a level is reached, or bytes wait */

#define STIMER_CFG   REG(0x40008140)
#define STIMER_COUNT REG(0x40008144)
#define STIMER_3_MHZ 1u

/* ---- Flash: words, in two instances of pages; programmed by functions in ROM ----
 *
 * These read no flash while they run, and nobody else may, an interrupt's handler neither. */

typedef int rom_erase_page(uint32_t key, uint32_t instance, uint32_t page);
typedef int rom_program(uint32_t key, const uint32_t *from, uint32_t to, uint32_t words);

static rom_erase_page *const erase_page = (rom_erase_page *)0x08000051u;
static rom_program *const program = (rom_program *)0x08000055u;

static uint32_t mask_interrupts(void)
{
    uint32_t before;

    __asm volatile("mrs %0, primask\n"
                   "cpsid i\n"
                   : "=r"(before)
                   :
                   : "memory");
    return before;
}

static void restore_interrupts(uint32_t before)
{
    __asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

static int flash_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (const void *)(uintptr_t)off, len);
    return DFU_OK;
}

/* A word at a time, from the stack: ROM wants its source aligned. */
static int flash_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    uint32_t word;
    int failed = 0;

    (void)ctx;
    for (size_t i = 0; !failed && i < len; i += sizeof word) {
        uint32_t before;

        memcpy(&word, from + i, sizeof word);
        before = mask_interrupts();
        failed = program(FLASH_KEY, &word, off + i, 1);
        restore_interrupts(before);
    }
    return failed ? DFU_ERR_IO : DFU_OK;
}

static int flash_erase(void *ctx, uint32_t off, size_t len)
{
    int failed = 0;

    (void)ctx;
    for (size_t i = 0; !failed && i < len; i += PAGE) {
        uint32_t page = (off + i) / PAGE;
        uint32_t before = mask_interrupts();

        failed = erase_page(FLASH_KEY, page / INSTANCE_PAGES, page % INSTANCE_PAGES);
        restore_interrupts(before);
    }
    return failed ? DFU_ERR_IO : DFU_OK;
}

const struct dfu_flash_ops port_flash0_ops = { flash_read, flash_write, flash_erase };

/* ---- Counter and console: UART0 on pads 39 and 40 ---- */

static void connect_pads(void)
{
    GPIO_PADKEY = PADKEY;
    GPIO_PADREGJ = (GPIO_PADREGJ & ~0xff000000u) | PAD_UART << 24;
    GPIO_PADREGK = (GPIO_PADREGK & ~0xffu) | PAD_UART | PAD_INPUT;
    GPIO_PADKEY = 0;
}

static void start_uart(void)
{
    PWR_DEVPWREN |= DEVPWREN_UART0;
    while ((PWR_DEVPWRSTATUS & DEVPWRSTATUS_UARTS) == 0) {
    }
    while ((UART_FR & FR_BUSY) != 0) { /* a bootloader's last words */
    }
    UART_CR = CR_CLOCK_24_MHZ;
    UART_IBRD = 13; /* 24 MHz / (16 * 115200) is 13 1/64 */
    UART_FBRD = 1;
    UART_LCRH = LCRH_8_BITS | LCRH_FIFOS;
    UART_IFLS = 0;
    UART_IER = IRQ_RX;
    UART_CR = CR_CLOCK_24_MHZ | CR_ON;
}

/* The cache is off: nothing says that it notices when flash changes. */
void chip_start(void)
{
    CACHE_CFG = 0;
    STIMER_CFG = STIMER_3_MHZ;
    connect_pads();
    start_uart();
}

uint32_t chip_ticks(void)
{
    return STIMER_COUNT;
}

bool chip_has_byte(void)
{
    return (UART_FR & FR_RX_EMPTY) == 0;
}

uint8_t chip_take_byte(void)
{
    UART_IEC = IRQ_RX; /* first: once its data is read the next byte may ask */
    return (uint8_t)UART_DR;
}

void chip_putc(uint8_t byte)
{
    while ((UART_FR & FR_TX_FULL) != 0) {
    }
    UART_DR = byte;
}
