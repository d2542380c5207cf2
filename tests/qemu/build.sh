#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# build.sh BUILD BOARD [KIND]: the firmware of one board, into BUILD/firmware/BOARD. A bootloader that
# checks no signature, alone, into BOARD-hash-only beside it; or, for boards that nothing here can run, of
# a KIND: with all that the chip is said to have, into BOARD-all.
#   serial: a console; ble: a radio, too; usb: and a USB device controller
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$1
board=$2
kind=${3-}

build_firmware() { # FOLDER [OPTION...]
    local folder=$build/firmware/$1
    shift
    bash tools/dev/firmware.sh "$build" "$board" -B "$folder" "$@"
}

build_firmware "$board"
fragments=overlay_smp_serial.conf
case $kind in
    "")
        cmake -S ports/mcu -B "$build/firmware/$board-hash-only" -G Ninja --log-level=ERROR \
            -DBOARD="$board" -DHOST_BUILD="$build" \
            -DBOOT_CONF="$PWD/tests/qemu/hash_only.conf" >/dev/null
        cmake --build "$build/firmware/$board-hash-only" --target boot.bin -- --quiet
        exit
        ;;
    serial) objects='request' ;;
    ble) fragments+=';overlay_bt.conf' objects='request served' ;;
    usb) fragments+=';overlay_bt.conf;overlay_usb_dfu.conf' objects='request served usb_data' ;;
    *) exit 2 ;;
esac
build_firmware "$board-all" "-DEXTRA_CONF_FILE=$fragments" \
    "-DBLE_HOST=$PWD/tests/qemu/ble_nobody.c"
for object in $objects; do # what is not used is not linked
    arm-none-eabi-nm "$build/firmware/$board-all/app.elf" |
        grep " [bBdD] $object\(\..*\)\?$" >/dev/null # not -q: nm would write into a closed pipe
done
