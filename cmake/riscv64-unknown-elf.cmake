# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# GCC for RISC-V without an operating system, 32 bits too, as Debian has it.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
find_program(CMAKE_C_COMPILER riscv64-unknown-elf-gcc REQUIRED)
find_program(CMAKE_OBJCOPY riscv64-unknown-elf-objcopy REQUIRED)
find_program(CMAKE_SIZE riscv64-unknown-elf-size REQUIRED)
