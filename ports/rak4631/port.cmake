# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# RAKwireless RAK4631, an nRF52840: UART0 of its connector.
include(${root}/ports/nrf5/nrf5.cmake)
set(port_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=soft)
set(port_ram_size 0x40000)
set(port_boot_vectors vectors_program.c)
list(APPEND port_definitions CHIP_CORE_HZ=64000000u CHIP_INTERRUPTS=48 CHIP_PAGE_SIZE=4096u
    CHIP_TX_PIN=20u CHIP_RX_PIN=19u)
include(${root}/ports/nrf5/usbd.cmake)
