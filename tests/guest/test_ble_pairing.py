# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""dfu pairs through the real BlueZ with a device on bumble, a Bluetooth stack of its own."""

from ble_guest import peers, results, tell


def test_dfu_pairs_and_bluez_lives_on(tmp_path):
    text = tell(tmp_path, "ble_pairing.sh", {}, **peers("paired_device.py"))
    assert len(results(text)) == 11
