#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# build.sh BUILD BOARD: the firmware of one board, into BUILD/firmware/BOARD.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$1
board=$2
cmake --build "$build" --target dfu dfu_board_table boards -- --quiet
cmake -S ports/mcu -B "$build/firmware/$board" -G Ninja --log-level=ERROR \
    --toolchain "$PWD/cmake/arm-none-eabi.cmake" -DBOARD="$board" -DHOST_BUILD="$build" >/dev/null
cmake --build "$build/firmware/$board" -- --quiet
