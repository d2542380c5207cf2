# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# What the chips of this family share; port.cmake adds core, memory and pins.
set(port_toolchain arm-none-eabi)
set(port_sources ${root}/ports/nrf5/nrf5.c cortexm.c)
set(port_app_vectors vectors_program.c)
set(port_ram 0x20000000)
set(port_definitions CHIP_TICKS_PER_MS=1000u CHIP_UART_IRQ=2)
