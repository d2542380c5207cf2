# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over Bluetooth LE on the real BlueZ: QEMU guest, virtual controllers, dfu."""

from ble_guest import results, tell


def test_dfu_updates_a_device_through_bluez(tmp_path):
    images = {"v1": ("1.0.0", 40000), "v2": ("2.0.0", 128 * 1024), "watch": ("2.0.0", 40000),
              "long": ("3.0.0", 200000), "other": ("4.0.0", 150000)}
    assert len(results(tell(tmp_path, "ble.sh", images))) == 26
