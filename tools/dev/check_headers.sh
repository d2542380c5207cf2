#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# check_headers.sh INCLUDE_DIR: each dfu/*.h must compile on its own, as C11 and as C++17.
set -euo pipefail

include_dir=$1
warnings=(-Wall -Wextra -Werror -pedantic)
status=0
checked=0

compile_alone() { # COMMAND... -: reads the program from standard input
    printf '#include "dfu/%s"\n' "$name" | "$@" "${warnings[@]}" -I "$include_dir" -fsyntax-only -
}

for header in "$include_dir"/dfu/*.h; do
    [ -e "$header" ] || continue
    name=${header##*/}
    checked=$((checked + 1))
    compile_alone gcc -std=c11 -x c || status=1
    compile_alone g++ -std=c++17 -x c++ || status=1
done
echo "$checked headers checked"
exit $status
