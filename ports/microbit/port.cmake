# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# Cortex-M0: no multiply-accumulate, no movable vector table.
set(port_flags -mcpu=cortex-m0 -mthumb)
set(port_ram 0x20000000)
set(port_ram_size 0x4000)
set(port_sources microbit.c)
set(port_boot_vectors vectors_forward.c)
set(port_start start_cortexm.c)
