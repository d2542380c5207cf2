# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# What the guest does: the virtual device on one virtual controller, dfu on another, the
# real BlueZ between them. (A second central can't be tried: the controllers of btvirt 5.66 give
# all connections one handle, and the kernel falls over it.)
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
export LD_LIBRARY_PATH=/mnt/lib:/lib DFU_BOARDS_DIR=/mnt/boards
export ASAN_OPTIONS=detect_leaks=0
ADDRESS=00:AA:01:01:00:01 # of the second controller, hci1

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

dfu() { /mnt/dfu "$@" >/tmp/log 2>&1; }
ble() { dfu -d "ble:$ADDRESS" "$@"; }
fails() { # CODE TEXT COMMAND...
    code=$1 text=$2
    shift 2
    "$@"
    [ $? = "$code" ] && grep -q "$text" /tmp/log
}
sim() { # [OPTION...]
    rm -f /tmp/ready
    /mnt/dfu sim -b "${BOARD:-nrf52840dk}" -f "/tmp/${BOARD:-flash}.bin" --hash-only --init /mnt/v1.bin \
        --ble blinky --ble-adapter hci1 --ready-file /tmp/ready "$@" >>/mnt/sim.log 2>&1 &
    SIM=$!
    wait_for '[ -s /tmp/ready ]'
}
slot_is() { # SLOT FILE: the flash has that image there
    offset=$((0xc000 + $1 * 0x76000))
    dd if=/tmp/flash.bin bs=4096 skip=$((offset / 4096)) 2>/dev/null | cmp -n "$(wc -c <"$2")" - "$2"
}
said() { grep -q "$1" /mnt/sim.log; }
lists() { ble image list && grep -q "^0 *0 *$1" /tmp/log; } # VERSION FLAGS...

echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
echo 'root:x:0:' >/etc/group
mkdir -p /run/dbus /var/lib/bluetooth /etc/bluetooth
ln -sf /run/dbus /var/run/dbus
cp /mnt/dbus.conf /etc/
cp /mnt/main.conf /etc/bluetooth/
load ble

fails 3 "D-Bus, which does not answer" ble echo hello
ok $? "without a D-Bus dfu says so"
dbus-daemon --config-file=/etc/dbus.conf --nofork --nopidfile &
wait_for '[ -S /run/dbus/system_bus_socket ]'
fails 3 "bluetoothd does not run" ble echo hello
ok $? "without bluetoothd dfu says so"
/usr/libexec/bluetooth/bluetoothd -n >/mnt/bluetoothd.log 2>&1 &
wait_for 'fails 3 "has no Bluetooth adapter" ble echo hello' 20
ok $? "without an adapter dfu says so"
btvirt -L -l2 >/tmp/btvirt.log 2>&1 &
wait_for 'bluetoothctl list | grep -q 00:AA:01:01'
wait_for 'fails 3 "no Bluetooth adapter hci7" dfu -d ble:x,adapter=hci7 echo hello' 20
ok $? "an adapter that is not there is told"
wait_for '(echo select 00:AA:01:01:00:01; echo power off; sleep 1) | bluetoothctl >/dev/null;
          fails 3 "adapter hci1 is off" dfu -d ble:x,adapter=hci1 echo hello' 5
ok $? "an adapter that is off is told"
(echo select 00:AA:01:01:00:01; echo power on; sleep 1) | bluetoothctl >/dev/null

sim
ok $? "the virtual device advertises"
dfu devices --no-network --wait 8000 && grep -q "ble:$ADDRESS *offers SMP *blinky" /tmp/log
ok $? "dfu devices finds it by its service, with its name"
fails 3 "no Bluetooth device nobody was heard" dfu -d ble:nobody echo hello
ok $? "a device that is not there is told"
dfu -d ble:blinky echo hello && grep -q '^hello' /tmp/log
ok $? "dfu connects by name"
lists 1.0.0 && grep -q 'active confirmed' /tmp/log
ok $? "dfu lists images, by address"

ble image upload /mnt/v2.bin && slot_is 1 /mnt/v2.bin
ok $? "an upload of 128 KiB arrives as it is"
cp /tmp/log /mnt/upload.log
said "low latency wanted"
ok $? "and asks for low latency while it lasts"
ble image test /mnt/v2.bin
ok $? "the image is marked for a test"
ble reset
wait_for 'lists 2.0.0 && grep -q "^0 *0.*active *[0-9a-f]" /tmp/log' 10
ok $? "after a reset it runs"
slot_is 0 /mnt/v2.bin
ok $? "and lies in slot 0 as it is"
ble image confirm
lists 2.0.0 && grep -q '^0 *0.*active confirmed' /tmp/log
ok $? "it is confirmed"
ble upgrade /mnt/v1.bin
ok $? "dfu upgrade uploads, resets, connects again and confirms"

# Flash that takes its time, so that an upload has a middle.
kill $SIM
wait $SIM
ok $? "the device ends in order"
sim --real-time
/mnt/dfu -v -d "ble:$ADDRESS" image upload --no-diff /mnt/long.bin >/tmp/upload 2>&1 &
UPLOAD=$!
wait_for 'grep -q "upload [1-4]" /tmp/upload'
fails 3 "another program on this computer" ble echo hello
ok $? "a second client of this computer is refused, and told why"
kill -0 $UPLOAD && (echo select 00:AA:01:00:00:00; echo "disconnect $ADDRESS"; sleep 2) |
    bluetoothctl >/dev/null
wait $UPLOAD
ok $? "an upload whose connection is cut in the middle connects again and ends"
grep -q "lost the connection" /tmp/upload && slot_is 1 /mnt/long.bin
ok $? "and has gone on from where it was"
cp /tmp/upload /mnt/cut.log
/mnt/dfu -v -d "ble:$ADDRESS" image upload /mnt/other.bin >/tmp/upload 2>&1 &
UPLOAD=$!
wait_for 'grep -q "upload [1-4]" /tmp/upload'
kill -9 $UPLOAD
sleep 1
ble -v image upload /mnt/other.bin && grep -q 'the rest was there' /tmp/log
RC=$?
cp /tmp/log /mnt/resumed.log
ok $RC "a client that was killed goes on when it is started again"

kill $SIM
wait $SIM
ok $? "the device ends in order, again"

BOARD=pinetime
sim
ble upgrade /mnt/v2.bin && lists 2.0.0
ok $? "a small wearable is upgraded"
kill $SIM
wait $SIM
say "END"
