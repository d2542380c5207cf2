# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# How long uploads take: dfu and smpmgr in turn, on one pair of virtual controllers, to one virtual
# device. Each finds another image in slot 1 than its own. bench/ble.py reads the lines with RATE.
# shellcheck source=/dev/null
. /mnt/prelude.sh
# shellcheck source=/dev/null
. /mnt/bluez.sh

mount_python
start_bus
sed -i -e 's/^\[GATT\]$/&\nExchangeMTU = 498/' /etc/bluetooth/main.conf
start_bluetoothd
start_controllers
sim
python /mnt/ble_rates.py "$ADDRESS" /tmp/flash.bin /mnt/v2.bin /mnt/v3.bin
kill "$SIM"
wait "$SIM"
say "END"
