# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Bluetooth LE with what others made: smpmgr through the real BlueZ updates our device; smpclient
on bumble, a Bluetooth stack of its own, pairs with it."""

import os
import subprocess
import sys
from pathlib import Path

from ble_guest import results, tell

ADAPTERS = '{"/org/bluez/hci0", "/org/bluez/hci1"}, {"/org/bluez/hci1", "/org/bluez/hci0"}'


def hash_seed():
    """With which the client's adapter is the first of a set, however it was filled."""
    for seed in range(100):
        program = f'print([next(iter(one))[-1] for one in ({ADAPTERS})])'
        told = subprocess.run(["/usr/bin/python3", "-c", program], text=True, check=True,
                              env=dict(os.environ, PYTHONHASHSEED=str(seed)), capture_output=True)
        if told.stdout.strip() == "['0', '0']":
            return seed
    raise AssertionError("no seed puts hci0 first")


def peers(*files):
    """What a guest needs to run these programs with the packages of build/venv."""
    return {"files": files, "hash_seed": hash_seed(),
            "more": {"usr": "/usr", "venv": Path(sys.prefix).resolve()}}


def test_others_update_our_device_and_pair_with_it(tmp_path):
    images = {"v1": ("1.0.0", 128 * 1024), "v2": ("2.0.0", 128 * 1024)}
    text = tell(tmp_path, "ble_peers.sh", images,
                **peers("smpmgr_story.py", "paired_central.py"))
    assert len(results(text)) == 18
