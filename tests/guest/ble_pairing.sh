# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# dfu before a device of another make (paired_device.py) that serves only who has typed the passkey
# that it shows. BlueZ, which does the pairing, must survive all of it.
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
# shellcheck source=/dev/null
. /mnt/prelude.sh
# shellcheck source=/dev/null
. /mnt/bluez.sh

mount_python
ok $? "Python is there"
start_bus
sed -i -e '/^AutoEnable/s/true/false/' /etc/bluetooth/main.conf # the other one is bumble's
start_bluetoothd
start_controllers
(echo select "$CLIENT"; echo power on; sleep 1) | bluetoothctl >/dev/null
mkdir /tmp/device
python /mnt/paired_device.py hci-socket:1 "$ADDRESS" blinky /tmp/device >/mnt/device.log 2>&1 &
DEVICE=$!
wait_for '[ -e /tmp/device/ready ]' 1200
ok $? "the device advertises"

lives() { [ -d "/proc/$BLUETOOTHD" ] && bluetoothctl list | grep -q "$CLIENT"; }
# The words of a terminal: once the passkey is shown, it is typed plus this.
typing() { # NUMBER COMMAND...
    added=$1
    shift
    rm -f /tmp/device/shown
    (
        wait_for '[ -e /tmp/device/shown ]' 600
        shown=$(sed 's/^0*//' /tmp/device/shown)
        echo "$(((${shown:-0} + added) % 1000000))"
    ) | "$@"
}
# A connection may fail while the device has only just begun to advertise.
twice() { "$@" || { sleep 3; "$@"; }; }
blinky() { dfu -d ble:blinky echo hello; }
wrong() { fails 3 "not paired: it refused the passkey" typing 1 blinky; }
right() { typing 0 blinky && grep -q 'hello$' /tmp/log; }

twice wrong
ok $? "a wrong passkey is told"
lives
ok $? "and bluetoothd lives"
twice wrong
ok $? "a second one is, too"
lives
ok $? "and bluetoothd lives still"
twice fails 3 "wants to be paired; give the passkey that it shows" blinky </dev/null
ok $? "so is none at all"
twice right
ok $? "with the passkey that is shown the device answers"
twice blinky && grep -q '^hello' /tmp/log
ok $? "and later without one"
# (Where the device alone forgets, Linux 6.1 falls over its list of connections with btvirt 5.66.)
touch /tmp/device/forget
wait_for '[ ! -e /tmp/device/forget ]'
bluetoothctl remove "$ADDRESS" >/dev/null
twice right
ok $? "when both have forgotten each other they are paired anew"
lives
ok $? "and bluetoothd lives on"
kill $DEVICE
say "END"
