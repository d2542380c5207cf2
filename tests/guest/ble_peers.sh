# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# The virtual device on one virtual controller, peers of another make on the other: smpmgr through
# BlueZ, smpclient on a Bluetooth stack of its own.
# shellcheck disable=SC2016 # wait_for evaluates its condition again and again
# shellcheck source=/dev/null
. /mnt/prelude.sh
# shellcheck source=/dev/null
. /mnt/bluez.sh

mount_python
ok $? "Python is there"
start_bus
# bleak writes values of MTU - 3 bytes, and one may not be longer than 512. What is switched off is
# to stay off: it is bumble's then.
sed -i -e 's/^\[GATT\]$/&\nExchangeMTU = 498/' -e '/^AutoEnable/s/true/false/' \
    /etc/bluetooth/main.conf
start_bluetoothd
start_controllers
power() { (echo select "$1"; echo power "$2"; sleep 1) | bluetoothctl >/dev/null; } # ADDRESS on|off
power "$CLIENT" on
power "$ADDRESS" on
sim
ok $? "the virtual device advertises"
python /mnt/smpmgr_story.py "$ADDRESS" /mnt/v2.bin /tmp/flash.bin 0xc000 0x82000

kill "$SIM"
wait "$SIM"
ok $? "the device ends in order"
sim --ble-authenticated
ok $? "it begins again, for those who have paired"
power "$CLIENT" off
python /mnt/paired_central.py hci-socket:0 blinky /mnt/sim.log
kill "$SIM"
wait "$SIM"
say "END"
