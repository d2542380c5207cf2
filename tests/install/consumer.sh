#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# consumer.sh WORK_DIR: install the release build into a folder that is then moved, and build
# examples/consumer against it through CMake (shared and static) and pkg-config.
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

with_cmake() { # NAME OPTION...
    local name=$1
    shift
    cmake -S "$source/examples/consumer" -B "$work/$name" -G Ninja -DCMAKE_PREFIX_PATH="$root" "$@" \
        --log-level=WARNING >/dev/null
    cmake --build "$work/$name"
    "$work/$name/consumer"
}

with_pkg_config() {
    local libraries pc
    pc=$(find "$root" -name dfukit.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    read -ra libraries < <(pkg-config --cflags --libs dfukit)
    gcc "$source/examples/consumer/main.c" "${libraries[@]}" -o "$work/by-pkg-config"
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir dfukit) "$work/by-pkg-config"
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
with_cmake shared
with_cmake static -DSTATIC=ON
with_pkg_config
shows_only_dfu_names
