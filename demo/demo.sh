#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
#
# The story of dfukit on a virtual device: sign, upgrade, test, revert bad firmware, pull the plug
# in the middle of a swap, recover, confirm. Every step checks what it says. Run it by ./dev demo.
set -Eeuo pipefail

DFU=${DFU:-$(cd "$(dirname "$0")/.." && pwd)/build/dfu}
work=$(mktemp -d)
cd "$work"
device=
shown=0 # lines of the console that the reader has seen
log=console.log

if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

cleanup() {
    device_stop
    cd /
    rm -rf "$work"
}
trap cleanup EXIT

# Nothing that went wrong is passed over.
fail() {
    echo "${red}demo: $*${plain}" >&2
    [ ! -f "$log" ] || sed 's/^/    device | /' "$log" >&2
    exit 1
}
trap 'fail "line $LINENO did not work"' ERR

chapter() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Show a command as one would type it, run it, and insist on its exit code.
run() { # EXPECTED_CODE WORDS...
    local expected=$1 code=0
    shift
    echo "${bold}\$ dfu $*${plain}"
    "$DFU" "$@" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "'dfu $*' ended with $code, not with $expected"
    [ "$code" -eq 0 ] || echo "    (exit code $code)"
}

device_start() { # OPTIONS...
    rm -f ready.json
    shown=0
    local -a command=(sim -b nrf52840dk -f flash.bin -k pub.pem --udp 0 --real-time "$@")
    echo "${bold}\$ dfu ${command[*]} &${plain}"
    "$DFU" "${command[@]}" --ready-file ready.json >"$log" 2>&1 &
    device=$!
    for _ in $(seq 300); do
        [ ! -f ready.json ] || break
        kill -0 "$device" || fail "the device ended"
        sleep 0.1
    done
    [ -f ready.json ] || fail "the device does not get ready"
    DFU_TARGET=udp:localhost:$(sed 's/.*"udp":\([0-9]*\).*/\1/' ready.json)
    export DFU_TARGET
}

device_stop() {
    [ -n "$device" ] || return 0
    kill "$device" 2>/dev/null || true
    wait "$device" 2>/dev/null || true
    device=
}

# What the device has printed since the last look; each argument must stand in it.
console() {
    local text new
    new=$(tail -n "+$((shown + 1))" "$log")
    while read -r text; do
        echo "    ${dim}device | $text${plain}"
        shown=$((shown + 1))
    done <<<"$new"
    for text in "$@"; do
        grep -qF -- "$text" <<<"$new" || fail "the device did not say '$text'"
    done
}

# A stand-in for compiled firmware; its first lines tell the virtual device how it behaves.
firmware() { # FILE LINES...
    local file=$1
    shift
    { printf 'dfukit-app\n' && printf '%s\n' "$@" && printf '\n' && head -c 40000 /dev/urandom; } \
        >"$file"
}

sign() { # INPUT OUTPUT VERSION
    run 0 sign -k key.pem -v "$3" --board nrf52840dk -H 512 --pad-header "$1" "$2"
}

running() { # VERSION
    "$DFU" image list | grep -Eq "^0 +0 +$1 +active confirmed " ||
        fail "version $1 is not the one that runs and is confirmed"
}

echo "${bold}dfukit: device firmware upgrade, from signing to a pulled plug and back.${plain}"
echo "The device is virtual: an nRF52840 by its flash map and its flash timing. Bootloader, protocol"
echo "and client are the real code."

chapter "1. Make a key. Its private half signs, its public half goes into the device."
run 0 keygen -k key.pem -t ed25519
run 0 getpub -k key.pem -e pem -o pub.pem

chapter "2. Sign four versions. Version 3 has a bug: it crashes as soon as it starts."
firmware good.bin name=blinky
firmware buggy.bin name=blinky start=crash
sign good.bin v1.bin 1.0.0
sign good.bin v2.bin 2.0.0
sign buggy.bin v3.bin 3.0.0
sign good.bin v4.bin 4.0.0
run 0 verify -k pub.pem v4.bin

chapter "3. Switch a device on that was programmed with version 1."
device_start --init v1.bin
console "app: blinky 1.0.0+0 running from slot 0 (confirmed)"

chapter "4. Upgrade it to version 2: upload, test, restart, compare, confirm."
run 0 -d "$DFU_TARGET" upgrade v2.bin
console "Swap type: test" "app: blinky 2.0.0+0 running from slot 0 (not confirmed)"
run 0 -d "$DFU_TARGET" image list
running 2.0.0

chapter "5. Ship version 3, the one that crashes. The device goes back to version 2 by itself,"
echo "${bold}   and the command says so with exit code 5.${plain}"
run 5 -d "$DFU_TARGET" upgrade v3.bin
console "app: blinky 3.0.0+0 crashed at start" "sim: reset cause: watchdog" "Swap type: revert" \
    "app: blinky 2.0.0+0 running from slot 0 (confirmed)"
running 2.0.0

chapter "6. Upgrade to version 4, and lose power while the bootloader swaps the two images."
echo "   (The device is started anew from its flash file, with a power cut at operation 60.)"
device_stop
device_start --power-cut 60
console "app: blinky 2.0.0+0 running from slot 0 (confirmed)"
run 0 -d "$DFU_TARGET" upgrade v4.bin
console "sim: power lost in the middle of operation 60" "sim: power is back" \
    "Starting swap using move algorithm." "app: blinky 4.0.0+0 running from slot 0 (not confirmed)"
echo "   The second start found a half-done swap in flash and finished it."

chapter "7. Version 4 has been confirmed: it stays after a restart."
run 0 -d "$DFU_TARGET" reset
for _ in $(seq 100); do
    if tail -n "+$((shown + 1))" "$log" | grep -q '^app: '; then break; fi
    sleep 0.1
done
console "app: blinky 4.0.0+0 running from slot 0 (confirmed)"
run 0 -d "$DFU_TARGET" image list
running 4.0.0

printf '\n%sdemo: upgraded twice, reverted bad firmware once, survived one power cut; took %s s%s\n' \
    "$green" "$SECONDS" "$plain"
