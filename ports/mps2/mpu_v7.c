/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Flash that can only be read, by ARMv7-M's memory protection unit (ARMv7-M Architecture Reference
 * Manual, B3.5). */
#include "chip.h"
#include "mps2.h"

#define MPU_CTRL       REG(0xe000ed94)
#define MPU_RNR        REG(0xe000ed98)
#define MPU_RBAR       REG(0xe000ed9c)
#define MPU_RASR       REG(0xe000eda0)
#define MPU_ON         (1u | 1u << 2) /* what no region names is as without it */
#define REGION_ON      1u
#define SIZE_16_MIB    (23u << 1)
#define READ_ONLY      (6u << 24)
#define READ_AND_WRITE (3u << 24)
#define NORMAL_MEMORY  (1u << 17)

void mps2_protect_flash(bool is_on)
{
    MPU_RNR = 0;
    MPU_RBAR = CHIP_FLASH;
    MPU_RASR = REGION_ON | SIZE_16_MIB | NORMAL_MEMORY | (is_on ? READ_ONLY : READ_AND_WRITE);
    MPU_CTRL = MPU_ON;
    __asm volatile("dsb\nisb" ::: "memory");
}
