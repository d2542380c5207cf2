# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# QEMU's RISC-V machine "virt", 32 bits. Its NOR cannot be read while it is programmed, so that part of
# the driver runs from RAM, which the linker would warn of.
set(port_toolchain riscv64-unknown-elf)
set(port_flags -march=rv32imac -misa-spec=2.2 -mabi=ilp32 -Wl,--no-warn-rwx-segments)
set(port_ram 0x80000000)
set(port_ram_size 0x20000)
# QEMU slows each store to a page of memory with code that it has translated.
set(port_ram_page 4096)
set(port_sources ${root}/ports/riscv-virt/virt.c ${root}/ports/riscv-virt/cfi.c)
set(port_boot_vectors ${root}/ports/riscv-virt/entry.c)
set(port_app_vectors ${root}/ports/riscv-virt/entry.c)
set(port_definitions CHIP_TICKS_PER_MS=10000u)
