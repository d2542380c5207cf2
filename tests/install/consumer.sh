#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# consumer.sh WORK_DIR: install the release build into a folder that is then moved, and build the
# examples against it through CMake (shared and static) and pkg-config (both, too). What
# examples/images makes is judged by the installed dfu and by imgtool.
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

with_pkg_config() { # EXAMPLE OPTION...
    local example=$1 libraries pc
    shift
    pc=$(find "$root" -name dfukit.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    libdir=$(pkg-config --variable=libdir dfukit)
    read -ra libraries < <(pkg-config --cflags --libs "$@" dfukit libcrypto)
    program=$work/$example-by-pkg-config$*
    gcc -Wall -Wextra -Werror "$source/examples/$example/main.c" "${libraries[@]}" -o "$program"
}

# The archive itself, so that the linker cannot take the shared library.
with_pkg_config_static() { # EXAMPLE
    local libraries
    with_pkg_config "$1"
    read -ra libraries < <(pkg-config --static --cflags --libs dfukit libcrypto |
        sed 's/-ldfukit/-l:libdfukit.a/')
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

shows_only_dfu_names() {
    local library others
    library=$(find "$root" -name libdfukit.so)
    others=$(nm -D --defined-only "$library" | awk '$3 !~ /^dfu_/ { print $3 }')
    [ -z "$others" ] || { echo "libdfukit.so shows: $others" && return 1; }
}

brings_its_documentation() {
    local file
    for file in man/man1/dfu.1 man/man1/dfu-sign.1 bash-completion/completions/dfu \
        zsh/site-functions/_dfu fish/vendor_completions.d/dfu.fish; do
        [ -s "$root/share/$file" ] || { echo "not installed: $file" && return 1; }
    done
}

install_and_move
brings_its_documentation
make_keys
for style in shared static; do
    for example in consumer images user-group; do
        with_cmake $example $style "-DSTATIC=$([ $style = static ] && echo ON || echo OFF)"
        case $example in
            consumer) "$program" ;;
            images) reads_verifies_and_writes ;;
            user-group) serves_a_lamp ;;
        esac
    done
done
with_pkg_config consumer
LD_LIBRARY_PATH=$libdir "$program"
with_pkg_config_static images
reads_verifies_and_writes
with_pkg_config images
export LD_LIBRARY_PATH=$libdir
reads_verifies_and_writes
unset LD_LIBRARY_PATH
shows_only_dfu_names
