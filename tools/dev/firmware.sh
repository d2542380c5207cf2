#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# firmware.sh BUILD BOARD [-B FOLDER] [-D...]: what ./dev firmware does once BUILD, an absolute path, has
# the tools: bootloader and application for one board, in BUILD/firmware/BOARD or FOLDER.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    echo "dev: $*" >&2
    exit 1
}

tools=$1
board=${2-}
[ -n "$board" ] || fail "usage: ./dev firmware BOARD [-B FOLDER] [-D...]; ports/ has the boards"
[ -f "ports/$board/port.cmake" ] || fail "there is no port for the board $board; ports/ has them"
shift 2
folder=$tools/firmware/$board
if [ "${1-}" = -B ]; then
    [ -n "${2-}" ] || fail "-B wants the folder to build in"
    folder=$2
    shift 2
fi
cmake -S ports/mcu -B "$folder" -G Ninja --log-level=WARNING -DBOARD="$board" \
    -DHOST_BUILD="$tools" "$@" >/dev/null
cmake --build "$folder" -- --quiet
"$(sed -n 's/^CMAKE_SIZE:FILEPATH=//p' "$folder/CMakeCache.txt")" "$folder/boot.elf" "$folder/app.elf"
folder=${folder#"$PWD/"}
echo "bootloader             $folder/boot.bin"
if grep -q '^CONFIG_BOOTLOADER_MCUBOOT=y' "$folder/app/.config"; then
    echo "application, signed    $folder/app.signed.bin"
    echo "both, for a flasher    $folder/merged.hex"
else
    echo "application, alone     $folder/app.bin"
fi
