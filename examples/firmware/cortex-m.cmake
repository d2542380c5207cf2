# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# A Cortex-M4 by clang and lld; any other toolchain file does as well.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
find_program(CMAKE_C_COMPILER NAMES clang clang-14 REQUIRED)
find_program(LLD NAMES ld.lld ld.lld-14 REQUIRED)
set(CMAKE_C_FLAGS_INIT "--target=thumbv7em-none-eabi -mcpu=cortex-m4 -Os -ffreestanding")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=${LLD}")
