# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# RAKwireless RAK3172, an STM32WLE5CC: Cortex-M4 at the 4 MHz it starts with.
set(port_toolchain arm-none-eabi)
set(port_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=soft)
set(port_ram 0x20000000)
set(port_ram_size 0x10000)
set(port_sources ${root}/ports/stm32wl/stm32wl.c cortexm.c)
set(port_boot_vectors vectors_program.c)
set(port_app_vectors vectors_program.c)
set(port_definitions CHIP_CORE_HZ=4000000u CHIP_TICKS_PER_MS=1000u CHIP_INTERRUPTS=62 CHIP_UART_IRQ=36
    CHIP_NMI=chip_flash_error)
