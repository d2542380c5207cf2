# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Nordic nRF52840 DK: the UART of its debug probe's serial port.
include(${root}/ports/nrf5/nrf5.cmake)
set(port_flags -mcpu=cortex-m4 -mthumb -mfloat-abi=soft)
set(port_ram_size 0x40000)
set(port_boot_vectors vectors_program.c)
list(APPEND port_definitions CHIP_CORE_HZ=64000000u CHIP_INTERRUPTS=48 CHIP_PAGE_SIZE=4096u
    CHIP_TX_PIN=6u CHIP_RX_PIN=8u)
include(${root}/ports/nrf5/usbd.cmake)
