# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# BBC micro:bit, an nRF51822. Cortex-M0: no multiply-accumulate, no movable vector table.
include(${root}/ports/nrf5/nrf5.cmake)
set(port_flags -mcpu=cortex-m0 -mthumb)
set(port_ram_size 0x4000)
set(port_boot_vectors vectors_forward.c)
list(APPEND port_definitions CHIP_CORE_HZ=16000000u CHIP_INTERRUPTS=32 CHIP_PAGE_SIZE=1024u
    CHIP_TX_PIN=24u CHIP_RX_PIN=25u)
set(port_libc libc/divide.c)
