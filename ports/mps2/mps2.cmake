# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# What the FPGA images of this board share; port.cmake adds core, memory and interrupts.
set(port_toolchain arm-none-eabi)
set(port_ram_size 0x20000)
set(port_sources ${root}/ports/mps2/mps2.c cortexm.c)
set(port_boot_vectors vectors_program.c)
set(port_app_vectors vectors_program.c)
set(port_ethernet ${root}/ports/mps2/lan9118.c)
set(port_app_conf ${root}/ports/mps2/app.conf)
set(port_usb ${root}/ports/mps2/usb_line.c ${root}/ports/mps2/line.c)
