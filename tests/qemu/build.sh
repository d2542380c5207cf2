#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# build.sh BUILD BOARD [once]: the firmware of one board, into BUILD/firmware/BOARD, and, unless once
# is enough, with a bootloader that checks no signature into BOARD-hash-only beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$1
board=$2

build_firmware() { # FOLDER [OPTION...]
    local folder=$build/firmware/$1
    shift
    cmake -S ports/mcu -B "$folder" -G Ninja --log-level=ERROR -DBOARD="$board" \
        -DHOST_BUILD="$build" "$@" >/dev/null
    cmake --build "$folder" -- --quiet
}

build_firmware "$board"
[ "${3-}" = once ] ||
    build_firmware "$board-hash-only" -DBOOT_CONF="$PWD/tests/qemu/hash_only.conf"
