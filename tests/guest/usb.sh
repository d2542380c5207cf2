# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# What the guest does: the real dfu-util and dfu on a real Linux USB stack. The host runs the
# virtual devices and looks at their consoles and flash afterwards.
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
BOTH=2fe3:0100,2fe3:ffff
MOUNTED=/sys/devices/platform/vhci_hcd.0/status
# shellcheck source=/dev/null
. /mnt/prelude.sh

# A cable: attach again whenever the device has left the bus.
is_plugged() { grep -q '^hs  0000 006' "$MOUNTED"; }
plug() { # PORT
    while :; do
        is_plugged || usbip --tcp-port "$1" attach -r 10.0.2.2 -b 1-1 >/dev/null 2>&1
        sleep 0.1
    done &
    CABLE=$!
}
unplug() {
    kill "$CABLE"
    wait_for 'usbip detach -p 0 >/dev/null 2>&1; ! is_plugged'
}
util() { dfu-util "$@" >/tmp/log 2>&1; }
# Its number changes where somebody still has the old port open when the device is back.
port() {
    for one in /dev/ttyACM*; do
        [ -e "$one" ] && echo "$one" && return
    done
}
smp() { dfu -d "serial:$(port)" "$@"; }
devnum() { cat /sys/bus/usb/devices/1-1/devnum 2>/dev/null; }
runs() { wait_for '[ -n "$(port)" ] && dfu-util -l 2>/dev/null | grep -q "Found Runtime"'; }
# A machine that does much else may need more than one try.
answers() { wait_for "smp $*" 5; } # COMMAND
slot_0_runs() { # VERSION
    wait_for "smp image list && grep -q '^0 *0 *$1 *active' /tmp/log" 20
}
restarts() { # by a command, [OPTION]; the kernel sees another device
    LAST=$(devnum)
    answers reset "$@" && wait_for '[ -n "$(devnum)" ] && [ "$(devnum)" != "$LAST" ]' && runs
}
enter_dfu() { util -e && wait_for 'dfu-util -l 2>/dev/null | grep -q "Found DFU.*alt=1"'; }

# shellcheck source=/dev/null
. /mnt/ports.sh
usbip --tcp-port "$PORT_A" list -r 10.0.2.2 >/tmp/log 2>&1
grep -q '2fe3:0100' /tmp/log
ok $? "usbip lists what the server shows"
plug "$PORT_A"
runs
ok $? "a run-time device with a serial port appears"

util -l
grep -q 'Found Runtime: \[2fe3:0100\].*intf=2.*name="DFU", serial="A1"' /tmp/log
ok $? "dfu-util lists the run-time device"

answers echo hello
ok $? "dfu talks SMP through /dev/ttyACM0"

slot_0_runs 1.0.0
ok $? "dfu lists images through /dev/ttyACM0"

enter_dfu
ok $? "dfu-util detaches into DFU mode"
util -l
grep -q 'Found DFU: \[2fe3:ffff\].*alt=0, name="image_0", serial="A1"' /tmp/log &&
    grep -q 'alt=1, name="image_1", serial="A1"' /tmp/log
ok $? "dfu-util lists both alternates by name and serial"

util -a 0 -U /tmp/backup.bin && cmp /tmp/backup.bin /mnt/slot0.bin
ok $? "upload of alternate 0 is the backup of slot 0"

util -a image_1 -S A1 -D /mnt/damaged.bin
grep -q 'dfuERROR, status(7)' /tmp/log
ok $? "a damaged image is errVERIFY"

util -a 1 -D /mnt/toolarge.bin
grep -q 'dfuERROR, status(8)' /tmp/log
ok $? "an image that is too large is errADDRESS"

util -a 1 -d $BOTH -D /mnt/foreign.dfu
grep -q 'does not match' /tmp/log
ok $? "a suffix for another device is refused"

util -a 1 -S ELSE -D /mnt/v2.bin
[ $? = 74 ]
ok $? "another serial number is no device"

util -a image_1 -S A1 -D /mnt/v2.bin && grep -q '^Done!' /tmp/log
ok $? "download to alternate 1, by name and serial"

util -a 1 -e
runs
ok $? "detach in DFU mode returns to the application"
slot_0_runs 2.0.0
ok $? "the downloaded image runs for a test"

restarts
slot_0_runs 1.0.0
ok $? "reset without confirmation reverts"

util -E 5 -d $BOTH -a 1 -R -D /mnt/v2.bin
grep -q '^Done!' /tmp/log
ok $? "detach, download and reset in one run"
runs
ok $? "and the device returns by itself"

restarts
slot_0_runs 1.0.0
enter_dfu
touch /mnt/ask-vanish # the host pulls the cable once the download is on its way
util -a 1 -D /mnt/long.bin
[ $? = 74 ]
ok $? "a device that vanishes in the middle is an I/O error"
wait_for '[ ! -e /mnt/ask-vanish ]' 200
runs
ok $? "and comes back"
slot_0_runs 1.0.0
ok $? "with its old image"

# It came back as one whose application marks downloads permanent and restarts by itself.
enter_dfu
util -a 1 -D /mnt/damaged.bin
grep -q 'dfuERROR, status(7)' /tmp/log
ok $? "permanent: a damaged image is refused"
util -a 1 -D /mnt/v2.bin
grep -q '^Done!' /tmp/log
ok $? "permanent: download"
runs
slot_0_runs 2.0.0
ok $? "permanent: it restarts by itself and runs"

unplug
plug "$PORT_B"
wait_for 'dfu-util -l 2>/dev/null | grep -q "serial=\"B2\""'
ok $? "another device on the same port"
runs
dfu devices --no-network && grep -q "^serial:$(port) .*2fe3:0100 .*B2" /tmp/log
ok $? "dfu lists the port with VID:PID and serial number"
dfu -d serial:2fe3:0101 echo hello
[ $? = 3 ] && grep -q "no serial port matches 2fe3:0101.*$(port) (2fe3:0100 B2)" /tmp/log
ok $? "dfu tells which ports there are where none matches"
dfu -d 'serial:/2fe3:.* B2/' echo hello
ok $? "dfu finds the port by a regular expression"
# Somebody keeps the port open: when the device comes back, it is another one.
LAST=$(port)
# shellcheck disable=SC2217 # it does not read: it keeps the port open
sleep 1000 <"$LAST" &
HOLDER=$!
dfu -d serial:2fe3:0100:B2 upgrade /mnt/v2.bin
ok $? "dfu upgrades it by VID:PID and serial number, through a port that goes and comes back"
[ "$(port)" != "$LAST" ]
ok $? "as another one"
kill "$HOLDER"
restarts --recovery
answers params && grep -q '^buf_count  1' /tmp/log && slot_0_runs 2.0.0
ok $? "its bootloader's recovery answers through the same port"
restarts
slot_0_runs 2.0.0
ok $? "and a reset starts the application again"
dfu usb list && grep -q 'B2' /tmp/log
ok $? "dfu finds it on the bus"
dfu usb upload -a image_1 /tmp/before.bin && cmp -n 20000 /tmp/before.bin /mnt/slot0.bin
ok $? "dfu uploads: the image before the upgrade lies in slot 1"
dfu usb download -a 1 -S B2 /mnt/damaged.bin
[ $? = 1 ] && grep -q 'hash does not match' /tmp/log
ok $? "dfu tells in the device's words why it refuses an image"
dfu usb download -a image_1 -R /mnt/v1.bin
ok $? "dfu downloads and lets the device restart"
runs
slot_0_runs 1.0.0
ok $? "the image from dfu's download runs for a test"
dfu usb detach && wait_for 'dfu-util -l 2>/dev/null | grep -q "Found DFU.*alt=1"'
ok $? "dfu detaches into DFU mode"
unplug
say "END"
