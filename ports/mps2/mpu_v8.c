/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Flash that can only be read, by ARMv8-M's memory protection unit (ARMv8-M Architecture Reference
 * Manual, D1.2). */
#include "chip.h"
#include "mps2.h"

#define MPU_CTRL       REG(0xe000ed94)
#define MPU_RNR        REG(0xe000ed98)
#define MPU_RBAR       REG(0xe000ed9c)
#define MPU_RLAR       REG(0xe000eda0)
#define MPU_MAIR0      REG(0xe000edc0)
#define MPU_ON         (1u | 1u << 2) /* what no region names is as without it */
#define REGION_ON      1u
#define FLASH_LAST     (CHIP_FLASH + 0xffffe0u) /* of 16 MiB, the last 32 bytes */
#define READ_ONLY      (2u << 1)
#define READ_AND_WRITE 0u
#define NORMAL_MEMORY  0x44u

void mps2_protect_flash(bool is_on)
{
    MPU_MAIR0 = NORMAL_MEMORY;
    MPU_RNR = 0;
    MPU_RBAR = CHIP_FLASH | (is_on ? READ_ONLY : READ_AND_WRITE);
    MPU_RLAR = FLASH_LAST | REGION_ON;
    MPU_CTRL = MPU_ON;
    __asm volatile("dsb\nisb" ::: "memory");
}
