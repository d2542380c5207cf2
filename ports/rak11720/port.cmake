# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# RAKwireless RAK11720, an Ambiq Apollo3 Blue: Cortex-M4 at 48 MHz. RAM above what the chip's own
# bootloader may use, and below the last word of all, from which its ROM does not program.
set(port_toolchain arm-none-eabi)
set(port_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=soft)
set(port_ram 0x10010000)
set(port_ram_size 0x10000)
set(port_sources ${root}/ports/apollo3/apollo3.c cortexm.c)
set(port_boot_vectors vectors_program.c)
set(port_app_vectors vectors_program.c)
set(port_definitions CHIP_CORE_HZ=48000000u CHIP_TICKS_PER_MS=3000u CHIP_INTERRUPTS=32 CHIP_UART_IRQ=15)
