# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Commands of smpmgr, one after the other: to import it takes this machine half a minute.

smpmgr_story.py ADDRESS IMAGE FLASH SLOT_0 SLOT_1: where the image is to be in the device's flash.
"""

import asyncio
import contextlib
import io
import re
import sys
import time
from pathlib import Path

from smpclient.transport.ble import SMPBLETransport
from smpmgr.main import app

TRIES = 3  # a connection may fail while the device has only just begun to advertise


def uptime():
    return Path("/proc/uptime").read_text(encoding="ascii").split()[0]


def check(is_right, what):
    print("@@", uptime(), "PASS" if is_right else "FAIL", what)


def once(address, words):
    """What it printed, the seconds it took, and whether it came to its end."""
    out = io.StringIO()
    begin = time.monotonic()
    with contextlib.redirect_stdout(out):
        try:
            failed = app(["--timeout", "20", "--ble", address, *words], standalone_mode=False)
        except Exception as error:
            failed = repr(error)
    print("smpmgr", *words, "->", failed or "done", out.getvalue()[-2000:])
    return out.getvalue(), time.monotonic() - begin, not failed


def smpmgr(address, *words):
    for _ in range(TRIES):
        result = once(address, words)
        if result[2]:
            break
    return result


def slot_is(flash, offset, image):
    with open(flash, "rb") as file:
        file.seek(offset)
        return file.read(len(image)) == image


def images_of(address):
    """Version, hash and flags of each slot; rich breaks lines where it likes."""
    text = re.sub(r"\s", "", smpmgr(address, "image", "state-read")[0])
    return re.findall(r"version='([\d.]+)'.*?hash=(?:HashBytes\()?'?([0-9A-Fa-f]{64}).*?"
                      r"confirmed=(\w+)", text)


def main(address, image_path, flash, *slots):
    image = Path(image_path).read_bytes()
    slots = [int(slot, 0) for slot in slots]

    found = []
    for _ in range(TRIES):
        found = found or asyncio.run(SMPBLETransport.scan())
    check(address in [device.address for device in found], "smpclient's scan finds the device")
    images = images_of(address)
    check([one[0] for one in images] == ["1.0.0"], "smpmgr lists its image")
    done = smpmgr(address, "image", "upload", image_path)[2]
    check(done and slot_is(flash, slots[1], image), "smpmgr uploads 128 KiB, which arrive as they are")
    images = images_of(address)
    check([one[0] for one in images] == ["1.0.0", "2.0.0"], "and lists both")
    check(smpmgr(address, "image", "state-write", images[-1][1])[2], "smpmgr marks it for a test")
    check(smpmgr(address, "os", "reset")[2], "and resets the device")
    images = images_of(address)
    check(images and images[0][0] == "2.0.0" and images[0][2] == "False",
          "smpmgr connects again: it runs, for a test")
    check(slot_is(flash, slots[0], image), "and lies in slot 0 as it is")
    smpmgr(address, "image", "state-write", "--confirm")
    images = images_of(address)
    check(images and images[0][2] == "True", "smpmgr confirms it")


if __name__ == "__main__":
    main(*sys.argv[1:])
