# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Uploads by dfu and by smpmgr in turn, to one device. Of each two times are told: of the whole
command, and of the upload in it, by the program itself. smpmgr is imported before.

ble_rates.py ADDRESS FLASH IMAGE_FOR_DFU IMAGE_FOR_SMPMGR
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from smpclient import SMPClient
from smpmgr_story import once, slot_is

ROUNDS = 3
SLOT_1 = 0x82000
ENVIRONMENT = dict(os.environ, LD_LIBRARY_PATH="/tmp/lib")


def uptime():
    return Path("/proc/uptime").read_text(encoding="ascii").split()[0]


def time_uploads():
    """Of smpclient's from now on: the seconds of the last one."""
    spent, upload = [0.0], SMPClient.upload

    async def timed(self, *args, **options):
        begin = time.monotonic()
        async for offset in upload(self, *args, **options):
            yield offset
        spent[0] = time.monotonic() - begin

    SMPClient.upload = timed
    return spent


def by_dfu(address, image):
    """Seconds of the command, and of the upload."""
    begin = time.monotonic()
    done = subprocess.run(["/tmp/dfu", "-d", f"ble:{address}", "image", "upload", "--no-diff",
                           image], env=ENVIRONMENT, text=True, capture_output=True, check=False)
    whole = time.monotonic() - begin
    print(done.stdout[-500:], done.stderr[-500:])
    assert done.returncode == 0
    return whole, float(re.search(r"uploaded \d+ bytes in ([\d.]+) s", done.stdout).group(1))


def main(address, flash, ours, theirs):
    spent = time_uploads()
    for _ in range(ROUNDS):
        whole, transfer = by_dfu(address, ours)
        assert slot_is(flash, SLOT_1, Path(ours).read_bytes())
        print("@@", uptime(), f"RATE dfu {whole:.2f} {transfer:.2f}")
        _, whole, is_done = once(address, ["image", "upload", theirs])
        assert is_done and slot_is(flash, SLOT_1, Path(theirs).read_bytes())
        print("@@", uptime(), f"RATE smpmgr {whole:.2f} {spent[0]:.2f}")


main(*sys.argv[1:])
