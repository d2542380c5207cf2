# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Arm MPS2 with AN505: a Cortex-M33 at 20 MHz, secure.
include(${root}/ports/mps2/mps2.cmake)
set(port_flags -mcpu=cortex-m33 -mthumb -mfloat-abi=soft)
set(port_ram 0x38000000)
list(APPEND port_sources ${root}/ports/mps2/mpu_v8.c)
set(port_definitions CHIP_CORE_HZ=20000000u CHIP_TICKS_PER_MS=20000u CHIP_INTERRUPTS=64
    CHIP_UART=0x50200000u CHIP_UART_IRQ=32 CHIP_TIMER=0x50000000u CHIP_FLASH=0x80000000u
    CHIP_ETHERNET=0x42000000u CHIP_ETHERNET_IRQ=48
    CHIP_ERASE_US=0u CHIP_WRITE_KIB_US=0u CHIP_VERIFY_KIB_US=0u CHIP_SIGNATURE_US=0u)
