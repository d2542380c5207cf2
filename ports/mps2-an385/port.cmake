# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Arm MPS2 with AN385: a Cortex-M3 at 25 MHz.
include(${root}/ports/mps2/mps2.cmake)
set(port_flags -mcpu=cortex-m3 -mthumb)
set(port_ram 0x20000000)
list(APPEND port_sources ${root}/ports/mps2/mpu_v7.c)
set(port_definitions CHIP_CORE_HZ=25000000u CHIP_TICKS_PER_MS=25000u CHIP_INTERRUPTS=32
    CHIP_UART=0x40004000u CHIP_UART_IRQ=0 CHIP_TIMER=0x40000000u CHIP_FLASH=0x21000000u
    CHIP_ETHERNET=0x40200000u CHIP_ETHERNET_IRQ=13
    CHIP_ERASE_US=0u CHIP_WRITE_KIB_US=0u CHIP_VERIFY_KIB_US=0u CHIP_SIGNATURE_US=0u)
