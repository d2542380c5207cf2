/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The second bank of NOR: two chips of 16 bits side by side, Intel command set (JEDEC JEP137, CFI
 * command set 0001). While a command runs nothing can be read from the bank, an application's code
 * least of all: what gives commands lies in RAM, calls nothing and is not interrupted. */
#include <string.h>

#include "chip.h"
#include "dfu/err.h"
#include "dfu/flash.h"
#include "virt.h"

#define BANK          0x22000000u
#define SECTOR        0x40000u
#define BUFFER        1024u /* the chips', 2 KiB each, hold more */
#define BOTH(command) ((command)*0x10001u)
#define ERASE         BOTH(0x20)
#define CONFIRM       BOTH(0xd0)
#define WRITE_BUFFER  BOTH(0xe8)
#define CLEAR_STATUS  BOTH(0x50)
#define READ_ARRAY    BOTH(0xff)
#define READY         BOTH(0x80)
#define FAILED        BOTH(0x3a) /* erase, program, voltage, locked */
#define RAM_CODE      __attribute__((section(".ram_code"), noinline))

/* The status, once both chips are ready; the bank can then be read again. */
RAM_CODE static uint32_t erase_sector(volatile uint32_t *sector)
{
    uint32_t status;

    *sector = CLEAR_STATUS;
    *sector = ERASE;
    *sector = CONFIRM;
    do {
        status = *sector;
    } while ((status & READY) != READY);
    *sector = READ_ARRAY;
    return status;
}

RAM_CODE static uint32_t program(volatile uint32_t *at, const uint32_t *words, uint32_t count)
{
    uint32_t status;

    *at = CLEAR_STATUS;
    *at = WRITE_BUFFER;
    *at = BOTH(count - 1);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = words[i];
    }
    *at = CONFIRM;
    do {
        status = *at;
    } while ((status & READY) != READY);
    *at = READ_ARRAY;
    return status;
}

static uint32_t mask_interrupts(void)
{
    uint32_t before;

    __asm volatile("csrrc %0, mstatus, %1" : "=r"(before) : "r"(MSTATUS_MIE) : "memory");
    return before & MSTATUS_MIE;
}

static void restore_interrupts(uint32_t before)
{
    __asm volatile("csrs mstatus, %0" ::"r"(before) : "memory");
}

static volatile uint32_t *word_at(uint32_t off)
{
    return (volatile uint32_t *)(uintptr_t)(BANK + off);
}

static int flash_read(void *ctx, uint32_t off, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (const void *)(uintptr_t)(BANK + off), len);
    return DFU_OK;
}

/* QEMU's chips set bits, too; real ones would not, so that is refused here. */
static int write_piece(uint32_t off, const void *buf, size_t len)
{
    static uint32_t words[BUFFER / sizeof(uint32_t)]; /* buf may lie in the bank */
    uint32_t count = (uint32_t)(len / sizeof words[0]);
    uint32_t all = UINT32_MAX;
    uint32_t interrupts;
    uint32_t status;

    memcpy(words, buf, len);
    for (uint32_t i = 0; i < count; i++) {
        if (word_at(off)[i] != UINT32_MAX) {
            return DFU_ERR_IO;
        }
        all &= words[i];
    }
    if (all == UINT32_MAX) { /* ones need no programming */
        return DFU_OK;
    }
    interrupts = mask_interrupts();
    status = program(word_at(off), words, count);
    restore_interrupts(interrupts);
    return (status & FAILED) != 0 ? DFU_ERR_IO : DFU_OK;
}

static int flash_write(void *ctx, uint32_t off, const void *buf, size_t len)
{
    int err = DFU_OK;

    (void)ctx;
    for (size_t done = 0; !err && done < len;) {
        size_t room = BUFFER - (off + done) % BUFFER; /* not across the chips' buffers */
        size_t size = len - done < room ? len - done : room;

        err = write_piece((uint32_t)(off + done), (const uint8_t *)buf + done, size);
        done += size;
    }
    return err;
}

static int flash_erase(void *ctx, uint32_t off, size_t len)
{
    int err = DFU_OK;

    (void)ctx;
    for (size_t done = 0; !err && done < len; done += SECTOR) {
        uint32_t interrupts = mask_interrupts();
        uint32_t status = erase_sector(word_at((uint32_t)(off + done)));

        restore_interrupts(interrupts);
        err = (status & FAILED) != 0 ? DFU_ERR_IO : DFU_OK;
    }
    return err;
}

const struct dfu_flash_ops port_flash1_ops = { flash_read, flash_write, flash_erase };
