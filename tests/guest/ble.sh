# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# What the guest does: the virtual device on one virtual controller, dfu on another, the
# real BlueZ between them. A second client has a third controller. (It can't be connected beside the
# first one: controllers of btvirt 5.66 give all connections one handle, and the kernel falls over
# it.)
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
# shellcheck source=/dev/null
. /mnt/prelude.sh
# shellcheck source=/dev/null
. /mnt/bluez.sh

ble() { dfu -d "ble:$ADDRESS" "$@"; }
begin_upload() { # [OPTION...] IMAGE; returns in its middle
    LD_LIBRARY_PATH=/tmp/lib /tmp/dfu -v -d "ble:$ADDRESS" image upload "$@" >/tmp/upload 2>&1 &
    UPLOAD=$!
    wait_for 'grep -q "upload [1-4]" /tmp/upload'
}
said() { grep -q "$1" /mnt/sim.log; }
lists() { ble image list && grep -q "^0 *0 *$1" /tmp/log; } # VERSION FLAGS...

fails 3 "D-Bus, which does not answer" ble echo hello
ok $? "without a D-Bus dfu says so"
start_bus
fails 3 "bluetoothd does not run" ble echo hello
ok $? "without bluetoothd dfu says so"
start_bluetoothd
wait_for 'fails 3 "has no Bluetooth adapter" ble echo hello' 20
ok $? "without an adapter dfu says so"
start_controllers 3
wait_for 'fails 3 "no Bluetooth adapter hci7" dfu -d ble:x,adapter=hci7 echo hello' 20
ok $? "an adapter that is not there is told"
wait_for '(echo select 00:AA:01:01:00:01; echo power off; sleep 1) | bluetoothctl >/dev/null;
          fails 3 "adapter hci1 is off" dfu -d ble:x,adapter=hci1 echo hello' 5
ok $? "an adapter that is off is told"
(echo select 00:AA:01:01:00:01; echo power on; sleep 1) | bluetoothctl >/dev/null

sim
ok $? "the virtual device advertises"
dfu -d ble:nobody echo hello & # looks for it meanwhile
NOBODY=$!
LD_LIBRARY_PATH=/tmp/lib /tmp/dfu devices --no-network --wait 8000 >/tmp/devices 2>&1 &&
    grep -q "ble:$ADDRESS *offers SMP *blinky" /tmp/devices
ok $? "dfu devices finds it by its service, with its name"
fails 3 "no Bluetooth device nobody was heard" wait $NOBODY
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
kill "$SIM"
wait "$SIM"
ok $? "the device ends in order"
sim --real-time
begin_upload --timeout 60 --no-diff /mnt/long.bin # and goes on with many pieces at once
kill -STOP $UPLOAD # it keeps its connection
fails 3 "another program on this computer" ble echo hello
ok $? "a second client of this computer is refused, and told why"
fails 3 "no Bluetooth device blinky was heard.*not connected elsewhere" \
    dfu -d ble:blinky,adapter=hci2 echo hello
ok $? "a second client on another adapter does not hear it, and is told why"
(echo select "$CLIENT"; echo "disconnect $ADDRESS"; sleep 1) | bluetoothctl >/dev/null
wait_for 'dfu -d ble:blinky,adapter=hci2 echo hello && grep -q "^hello" /tmp/log' 5
ok $? "and is served once the first one has gone"
kill -CONT $UPLOAD
wait $UPLOAD
ok $? "an upload whose connection is cut in the middle connects again and ends"
grep -q "lost the connection" /tmp/upload && slot_is 1 /mnt/long.bin
ok $? "and has gone on from where it was"
cp /tmp/upload /mnt/cut.log
begin_upload /mnt/other.bin
kill -9 $UPLOAD
sleep 1
ble -v image upload /mnt/other.bin && grep -q 'the rest was there' /tmp/log
RC=$?
cp /tmp/log /mnt/resumed.log
ok $RC "a client that was killed goes on when it is started again"

kill "$SIM"
wait "$SIM"
ok $? "the device ends in order, again"

BOARD=pinetime
sim
ble upgrade /mnt/watch.bin && lists 2.0.0
ok $? "a small wearable is upgraded"
kill "$SIM"
wait "$SIM"
say "END"
