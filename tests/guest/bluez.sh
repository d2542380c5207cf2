# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# BlueZ in the guest, with virtual controllers: hci0 is the client's, hci1 the device's.
# shellcheck disable=SC2016,SC2034 # wait_for evaluates its condition again and again
CLIENT=00:AA:01:00:00:00 ADDRESS=00:AA:01:01:00:01 # of hci0, of hci1

start_bus() {
    echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
    echo 'root:x:0:' >/etc/group
    mkdir -p /run/dbus /var/lib/bluetooth /etc/bluetooth
    ln -sf /run/dbus /var/run/dbus
    cp /mnt/dbus.conf /etc/
    cp /mnt/main.conf /etc/bluetooth/
    load ble
    dbus-daemon --config-file=/etc/dbus.conf --nofork --nopidfile &
    wait_for '[ -S /run/dbus/system_bus_socket ]'
}
# It goes before all else: where bluetoothd 5.66 finds a new device's ATT channel before the
# kernel's word that it is connected, it never says so on the bus, and bleak gives up.
start_bluetoothd() {
    /usr/libexec/bluetooth/bluetoothd -n >>/mnt/bluetoothd.log 2>&1 &
    BLUETOOTHD=$!
    renice -n -20 -p $BLUETOOTHD >/dev/null
}
start_controllers() { # [COUNT]
    btvirt -L "-l${1:-2}" >/tmp/btvirt.log 2>&1 &
    wait_for "[ \$(bluetoothctl list | grep -c 00:AA:01:0) = ${1:-2} ]"
}
sim() { # [OPTION...]
    rm -f /tmp/ready
    LD_LIBRARY_PATH=/tmp/lib /tmp/dfu sim -b "${BOARD:-nrf52840dk}" -f "/tmp/${BOARD:-flash}.bin" \
        --hash-only --init /mnt/v1.bin --ble blinky --ble-adapter hci1 --ready-file /tmp/ready \
        "$@" >>/mnt/sim.log 2>&1 &
    SIM=$!
    wait_for '[ -s /tmp/ready ]'
}
slot_is() { # SLOT FILE: the flash has that image there
    offset=$((0xc000 + $1 * 0x76000))
    dd if=/tmp/flash.bin bs=4096 skip=$((offset / 4096)) 2>/dev/null | cmp -n "$(wc -c <"$2")" - "$2"
}

# Python with the packages of build/venv, in a root of its own that has the host's /usr.
mount_python() {
    mkdir -p /host/usr /host/venv /host/var
    for link in bin lib lib64; do ln -s "usr/$link" "/host/$link"; done
    ln -s /run /host/var/run
    for share in usr venv; do
        mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 $share \
            /host/$share || return
    done
    for folder in proc sys dev run tmp mnt; do
        mkdir -p /host/$folder && mount -o bind /$folder /host/$folder || return
    done
}
# Its sets have an order of their own in each run, and bleak takes the first adapter of a set.
python() {
    env -u LD_LIBRARY_PATH PYTHONHASHSEED="$(cat /mnt/hash-seed)" \
        PYTHONPATH=/venv/lib/python3.11/site-packages PYTHONUNBUFFERED=1 chroot /host /usr/bin/python3 "$@"
}
