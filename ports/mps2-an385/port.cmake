# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Arm MPS2 with AN385: a Cortex-M3 at 25 MHz.
set(port_toolchain arm-none-eabi)
set(port_flags -mcpu=cortex-m3 -mthumb)
set(port_ram 0x20000000)
set(port_ram_size 0x20000)
set(port_sources ${root}/ports/mps2/mps2.c ${root}/ports/mps2/mpu_v7.c cortexm.c)
set(port_app_vectors vectors_program.c)
set(port_ethernet ${root}/ports/mps2/lan9118.c)
set(port_app_conf ${root}/ports/mps2/app.conf)
set(port_boot_vectors vectors_program.c)
set(port_definitions CHIP_CORE_HZ=25000000u CHIP_TICKS_PER_MS=25000u CHIP_INTERRUPTS=32
    CHIP_UART=0x40004000u CHIP_UART_IRQ=0 CHIP_TIMER=0x40000000u CHIP_FLASH=0x21000000u
    CHIP_ETHERNET=0x40200000u CHIP_ETHERNET_IRQ=13)
