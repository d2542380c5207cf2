# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Bluetooth LE with what others made: smpmgr through the real BlueZ updates our device; smpclient
on bumble, a Bluetooth stack of its own, pairs with it."""

from ble_guest import peers, results, tell


def test_others_update_our_device_and_pair_with_it(tmp_path):
    images = {"v1": ("1.0.0", 128 * 1024), "v2": ("2.0.0", 128 * 1024)}
    text = tell(tmp_path, "ble_peers.sh", images,
                **peers("smpmgr_story.py", "paired_central.py"))
    assert len(results(text)) == 18
