# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# The words in which a guest tells its story; test_NAME.py reads the lines that begin with @@.
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
export ASAN_OPTIONS=detect_leaks=0 DFU_BOARDS_DIR=/mnt/boards

say() { echo "@@ $(cut -d' ' -f1 /proc/uptime) $*"; }
ok() { # EXIT_CODE WHAT
    if [ "$1" = 0 ]; then say "PASS $2"; else
        say "FAIL $2"
        tail -n 30 /tmp/log
        dmesg | tail -n 30
    fi
}
wait_for() { # CONDITION [TENTHS]
    for _ in $(seq "${2:-300}"); do
        eval "$1" && return 0
        sleep 0.1
    done
    return 1
}
cp -r /mnt/dfu /mnt/lib /tmp/ # over 9p each start would read it anew
dfu() { LD_LIBRARY_PATH=/tmp/lib /tmp/dfu "$@" >/tmp/log 2>&1; }
fails() { # CODE TEXT COMMAND...
    code=$1 text=$2
    shift 2
    "$@"
    [ $? = "$code" ] && grep -q "$text" /tmp/log
}
