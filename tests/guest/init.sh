#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
# shellcheck shell=dash
# Process 1 of the guest: basics, network, the host's folder; then what that folder says.
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin LD_LIBRARY_PATH=/lib HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev

load() { # GROUP
    while read -r module; do
        grep -q "^$module " /proc/modules || insmod "/lib/modules/$module.ko" ||
            echo "@@ FAIL insmod $module"
    done <"/lib/modules/$1.list"
}
load net
load 9p
load usb
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 up
route add default gw 10.0.2.2
mount -t 9p -o trans=virtio,version=9p2000.L share /mnt || echo "@@ FAIL mount"

: >/usr/share/misc/usb.ids # usbip asks for it
mkdir -p /run/udev
# libusb follows the bus through udev: without it a device that comes back is never seen.
ln -sf /bin/udevadm /bin/systemd-udevd
/bin/systemd-udevd --daemon
# shellcheck source=/dev/null
. /mnt/run.sh
sync
poweroff -f
