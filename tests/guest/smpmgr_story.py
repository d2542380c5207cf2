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
import threading
import time
from pathlib import Path

from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus
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


async def disconnect(address):
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    await bus.call(Message("org.bluez", f"/org/bluez/hci0/dev_{address.replace(':', '_')}",
                           "org.bluez.Device1", "Disconnect"))
    bus.disconnect()


def cut_upload(address, image_path, flash, offset):
    """Disconnect once the flash has something at the offset; whether that ended the upload."""

    def cut():
        while slot_is(flash, offset, b"\xff" * 64):
            time.sleep(0.01)
        asyncio.run(disconnect(address))

    threading.Thread(target=cut, daemon=True).start()
    return not once(address, ["image", "upload", image_path])[2]


def count_bytes():
    """Of what is sent from now on."""
    count, send = [0], SMPBLETransport.send

    async def send_and_count(self, data):
        count[0] += len(data)
        await send(self, data)

    SMPBLETransport.send = send_and_count
    return count


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
    was_cut = cut_upload(address, image_path, flash, slots[1] + len(image) // 2)
    check(was_cut and not slot_is(flash, slots[1], image),
          "an upload by smpmgr is cut in the middle")
    sent = count_bytes()
    done = smpmgr(address, "image", "upload", image_path)[2]
    check(done and sent[0] < len(image) * 3 // 4, "begun again it goes on from there")
    check(slot_is(flash, slots[1], image), "and 128 KiB arrive as they are")
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
