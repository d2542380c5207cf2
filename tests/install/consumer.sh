#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# consumer.sh WORK_DIR: install the release build into a folder that is then moved, and build the
# examples against it through CMake (shared and static) and pkg-config (both, too). What
# examples/images makes is judged by the installed dfu and by imgtool; examples/client upgrades a
# virtual device of the installed dfu.
set -euo pipefail

source=$DFU_SOURCE_DIR
work=$1
root=$work/moved

install_and_move() {
    rm -rf "$work"
    mkdir -p "$work"
    cd "$source"
    cmake --preset release --log-level=WARNING >/dev/null
    cmake --build --preset release
    cmake --install build --prefix "$work/installed" >/dev/null
    mv "$work/installed" "$root"
}

with_cmake() { # EXAMPLE NAME OPTION...
    local example=$1 build=$work/$1-$2
    shift 2
    cmake -S "$source/examples/$example" -B "$build" -G Ninja -DCMAKE_PREFIX_PATH="$root" "$@" \
        --log-level=WARNING >/dev/null
    cmake --build "$build"
    program=$build/$example
}

packages_of() { # EXAMPLE
    if [ "$1" = client ]; then echo dfukit_posix; else echo dfukit libcrypto; fi
}

with_pkg_config() { # EXAMPLE
    local example=$1 libraries packages pc
    pc=$(find "$root" -name dfukit.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    libdir=$(pkg-config --variable=libdir dfukit)
    read -ra packages < <(packages_of "$example")
    read -ra libraries < <(pkg-config --cflags --libs "${packages[@]}")
    program=$work/$example-by-pkg-config
    gcc -Wall -Wextra -Werror "$source/examples/$example/main.c" "${libraries[@]}" -o "$program"
}

# The archives themselves, so that the linker cannot take the shared libraries.
with_pkg_config_static() { # EXAMPLE
    local libraries packages
    with_pkg_config "$1"
    read -ra packages < <(packages_of "$1")
    read -ra libraries < <(pkg-config --static --cflags --libs "${packages[@]}" |
        sed 's/-l\(dfukit[a-z_]*\)/-l:lib\1.a/g')
    program=$work/$1-by-pkg-config-static
    gcc "$source/examples/$1/main.c" "${libraries[@]}" -o "$program"
}

is_refused() { # COMMAND...
    if "$@" 2>"$work/refusal"; then
        echo "not refused: $*" && return 1
    fi
    cat "$work/refusal"
}

make_keys() {
    head -c 20000 /dev/urandom >"$work/app.bin"
    "$root/bin/dfu" keygen -k "$work/other.pem" -t ed25519
    local kind
    for kind in rsa-2048 ecdsa-p256 ecdsa-p384 ed25519; do
        "$root/bin/dfu" keygen -k "$work/$kind.pem" -t "$kind"
        "$root/bin/dfu" getpub -k "$work/$kind.pem" -e pem -o "$work/$kind-pub.pem"
    done
    "$root/bin/dfu" getpub -k "$work/other.pem" -e pem -o "$work/other-pub.pem"
}

reads_verifies_and_writes() { # images PROGRAM, as $program
    local kind image=$work/image.bin
    for kind in rsa-2048 ecdsa-p256 ecdsa-p384 ed25519; do
        "$program" make "$work/app.bin" "$work/$kind.pem" "$image" 1.2.3
        "$program" show "$image" | grep "version 1.2.3+0, program of 20000 bytes at 512" >/dev/null
        "$program" verify "$image" "$work/$kind-pub.pem" | grep "^trusted: " >/dev/null
        "$root/bin/dfu" verify -k "$work/$kind-pub.pem" "$image" | grep correctly >/dev/null
        "$source/build/venv/bin/imgtool" verify -k "$work/$kind.pem" "$image" | grep correctly >/dev/null
        "$root/bin/dfu" sign -k "$work/$kind.pem" -v 1.2.3 -H 512 --pad-header -S 0x10000 \
            "$work/app.bin" "$work/signed.bin" >/dev/null
        "$program" verify "$work/signed.bin" "$work/$kind-pub.pem" | grep "^trusted: " >/dev/null
        is_refused "$program" verify "$image" "$work/other-pub.pem"
        printf '\377\376' | dd of="$image" bs=1 seek=1000 conv=notrunc status=none
        is_refused "$program" verify "$image" "$work/$kind-pub.pem"
    done
    is_refused "$program" show "$work/app.bin"
    is_refused "$program" make "$work/app.bin" "$work/app.bin" "$image" 1.2.3
}

# Packets of SMP: read, write too much in versions 2 and 1, write, read again.
serves_a_lamp() { # user-group PROGRAM, as $program
    local expected
    expected="0900000a00460700bf656c6576656c181eff
0b00001400460800bf63657272bf6567726f7570184662726302ffff
0300000600460900bf62726303ff
0b00000200460a00bfff
0900000a00460b00bf656c6576656c1832ff"
    [ "$("$program" 0800000100460700a0 0a00000900460800a1656c6576656c18c8 \
        0200000900460900a1656c6576656c18c8 0a00000900460a00a1656c6576656c1832 \
        0800000100460b00a0)" = "$expected" ]
    [ "$(wc -l <"$source/examples/user-group/lamp.c")" -lt 40 ]
}

device_start() { # OPTION...
    rm -f "$work/ready.json"
    "$root/bin/dfu" sim -b sim -f "$work/flash.bin" --hash-only --udp 0 \
        --ready-file "$work/ready.json" "$@" >"$work/console.log" 2>&1 &
    device=$!
    for _ in $(seq 300); do
        [ ! -f "$work/ready.json" ] || break
        sleep 0.1
    done
    target=udp:localhost:$(sed 's/.*"udp":\([0-9]*\).*/\1/' "$work/ready.json")
}

device_stop() {
    [ -n "${device-}" ] || return 0
    kill "$device" 2>/dev/null || true
    wait "$device" 2>/dev/null || true # or it may answer once more
    device=
}
trap device_stop EXIT

# The command ends well, or with an error, and its words contain TEXT; they are kept in $work/said.
says() { # TEXT COMMAND...
    "${@:2}" >"$work/said" 2>&1 || { echo "'${*:2}' ends with $?:" && cat "$work/said" && return 1; }
    has_said "$@"
}

refuses() { # TEXT COMMAND...
    ! "${@:2}" >"$work/said" 2>&1 || { echo "'${*:2}' ends well" && return 1; }
    has_said "$@"
}

has_said() { # TEXT COMMAND...
    grep -F "$1" "$work/said" >/dev/null || { echo "'${*:2}' does not say '$1':" && cat "$work/said" && return 1; }
}

make_firmware() {
    local version behaviour
    for version in 1.0.0 2.0.0 3.0.0; do
        behaviour=
        [ $version != 3.0.0 ] || behaviour='start=crash\n'
        { printf "dfukit-app\n%b\n" "$behaviour" && head -c 20000 /dev/urandom; } >"$work/program.bin"
        "$root/bin/dfu" sign -v $version -H 512 --pad-header -S 0x10000 "$work/program.bin" \
            "$work/$version.bin" >/dev/null
    done
}

upgrades_a_device() { # client PROGRAM, as $program
    rm -f "$work/flash.bin"
    device_start --init "$work/1.0.0.bin"
    says "slot 0: version 1.0.0, runs" "$program" "$target"
    says "20564 of 20564 bytes" "$program" "$target" "$work/2.0.0.bin"
    grep -F "slot 0: version 2.0.0, runs" "$work/said" >/dev/null
    says "slot 0: version 2.0.0, runs, confirmed" "$program" "$target"
    refuses "went back to its old image" "$program" "$target" "$work/3.0.0.bin"
    says "slot 0: version 2.0.0, runs, confirmed" "$program" "$target"
    refuses "not a firmware image that can be sent" "$program" "$target" "$work/program.bin"
    device_stop
    refuses "nothing listens on that port; start the device" "$program" "$target"
    refuses "udp:HOST: is not HOST[:PORT]" "$program" "udp:HOST:"
}

shows_only_dfu_names() {
    local library others name
    for name in dfukit:dfu_ dfukit_posix:dfu_remote_; do
        library=$(find "$root" -name "lib${name%:*}.so")
        others=$(nm -D --defined-only "$library" | awk -v of="^${name#*:}" '$3 !~ of { print $3 }')
        [ -z "$others" ] || { echo "$library shows: $others" && return 1; }
    done
}

brings_its_documentation() {
    local file
    for file in man/man1/dfu.1 man/man1/dfu-sign.1 bash-completion/completions/dfu \
        zsh/site-functions/_dfu fish/vendor_completions.d/dfu.fish \
        dfukit/wireshark/dfukit-smp.lua; do
        [ -s "$root/share/$file" ] || { echo "not installed: $file" && return 1; }
    done
}

# As docs/RECORD.md has it, from where it was installed.
dissects_a_record() {
    rm -f "$work/flash.bin"
    device_start --init "$work/1.0.0.bin"
    "$root/bin/dfu" -q -d "$target" --record "$work/log" image list >/dev/null
    device_stop
    "$root/bin/dfu" replay --export "$work/upgrade.pcapng" "$work/log" >/dev/null
    cd "$root"
    says "Read: Image state, seq" \
        tshark -X lua_script:share/dfukit/wireshark/dfukit-smp.lua -r "$work/upgrade.pcapng"
    grep -F "Read answer: Image state, seq" "$work/said" >/dev/null
    cd "$source"
}

export DFU_BOARDS_DIR=$root/share/dfukit/boards
install_and_move
brings_its_documentation
make_keys
make_firmware
dissects_a_record
for style in shared static; do
    for example in consumer images user-group client; do
        with_cmake $example $style "-DSTATIC=$([ $style = static ] && echo ON || echo OFF)"
        case $example in
            consumer) "$program" ;;
            images) reads_verifies_and_writes ;;
            user-group) serves_a_lamp ;;
            client) upgrades_a_device ;;
        esac
    done
done
with_pkg_config consumer
LD_LIBRARY_PATH=$libdir "$program"
with_pkg_config_static images
reads_verifies_and_writes
with_pkg_config_static client
upgrades_a_device
with_pkg_config images
export LD_LIBRARY_PATH=$libdir
reads_verifies_and_writes
with_pkg_config client
upgrades_a_device
unset LD_LIBRARY_PATH
shows_only_dfu_names
