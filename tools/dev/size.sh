#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# size.sh BUILD_DIR: bytes per folder of src/, of the host build and of a Cortex-M0 build (-Os, made
# here with clang; every object counts, also what a real bootloader would not link).
set -euo pipefail

build=$1
bare=$build/size
mcu_folders=(base flash image boot update smp recovery usb)

sources_of() { # FOLDER
    [ ! -d "src/$1" ] || find "src/$1" -name '*.c' | sort
}

sizes_of() { # TITLE OBJECTS_DIR FOLDER...
    local title=$1 objects=$2 folder
    shift 2
    echo "$title"
    printf '  %-12s %9s %9s %9s\n' folder code data zeroed
    for folder in "$@"; do
        find "$objects/src/$folder" -name '*.o' -print0 | sort -z | xargs -0r size |
            awk -v folder="$folder" '
                $1 ~ /^[0-9]+$/ { code += $1; data += $2; zeroed += $3; n++ }
                END { if (n) printf "  src/%-8s %9d %9d %9d\n", folder, code, data, zeroed }'
    done
}

flags_for_mcu() {
    flags=(--target=thumbv6m-none-eabi -mcpu=cortex-m0 -mthumb -Os -std=c11 -ffreestanding
        -ffunction-sections -fdata-sections -fno-unwind-tables -fstack-usage -w
        -nostdlibinc -isystem ports/mcu/libc -Iinclude -Isrc)
}

compile_for_mcu() { # FOLDER: false if a file of it does not compile
    local source object
    while read -r source; do
        object=$bare/$source.o
        mkdir -p "$(dirname "$object")"
        clang-14 "${flags[@]}" -c "$source" -o "$object" || return 1
    done < <(sources_of "$1" | grep -v "_lzma\.c$") # the host's
}

flags_for_mcu
rm -rf "$bare"
mapfile -t folders < <(cd src && find . -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
sizes_of "host ($(uname -m), as built in $build)" "$build/CMakeFiles/dfukit_objects.dir" \
    "${folders[@]}"

compiled=()
status=0
for folder in "${mcu_folders[@]}"; do
    if compile_for_mcu "$folder"; then
        compiled+=("$folder")
    else
        echo "src/$folder does not compile for a machine without an operating system" >&2
        status=1
    fi
done
sizes_of "Cortex-M0 (clang -Os -mthumb)" "$bare" "${compiled[@]}"

# The smallest part that a user counts on: what one USB DFU function costs, without its targets.
usb_class() {
    local object=$bare/usb_ram.o code ram
    code=$(size -A "$bare/src/usb/dfu_class.c.o" |
        awk '/^\.(text|rodata)/ { sum += $2 } END { print sum }')
    printf '#include "dfu/usb_dfu.h"\nstruct dfu_usb_dfu one;\n' |
        clang-14 --target=thumbv6m-none-eabi -mcpu=cortex-m0 -mthumb -ffreestanding -nostdlibinc \
            -isystem ports/mcu/libc -Iinclude -x c -c - -o "$object"
    ram=$(size "$object" | awk 'NR == 2 { print $2 + $3 }')
    echo "USB DFU class alone, Cortex-M0: $code bytes of code and tables, $ram bytes of RAM"
}
[ ! -f "$bare/src/usb/dfu_class.c.o" ] || usb_class

[ $status -ne 0 ] || build/venv/bin/python tools/dev/server_size.py "$bare"
exit $status
