# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A central with a Bluetooth stack of its own (bumble, through smpclient) before a device that serves
only who has paired.

paired_central.py HCI NAME LOG: the device writes the passkey that it shows into LOG.
"""

import asyncio
import re
import sys
from pathlib import Path

from smpclient import SMPClient
from smpclient.requests.os_management import EchoWrite
from smpclient.transport.bumble import SMPBumbleTransport
from smpclient.transport.bumble.pairing import KeyboardOnly

TRIES = 3


def check(is_right, what):
    uptime = Path("/proc/uptime").read_text(encoding="ascii").split()[0]
    print("@@", uptime, "PASS" if is_right else "FAIL", what)


async def echo(hci, name, delegate):
    """What came back, or the error's text."""
    client = SMPClient(SMPBumbleTransport(hci=hci, pair_on_connect=delegate), name, 20)
    try:
        await client.connect(20)
        response = await client.request(EchoWrite(d="hello"))
        await client.disconnect()
        return response.r
    except Exception as error:
        print(error)
        return str(error)


async def is_said(expected, hci, name, delegate):
    """A connection may fail while the device has only just begun to advertise."""
    for _ in range(TRIES):
        if expected in (await echo(hci, name, delegate())).lower():
            return True
    return False


def passkeys(log):
    return [int(shown) for shown in re.findall(r"passkey (\d+)", log.read_text(encoding="utf-8"))]


def keyboard(log, off_by=0):
    """Types the next passkey that is shown, or another."""
    before = len(passkeys(log))

    async def passkey():
        for _ in range(100):
            if len(passkeys(log)) > before:
                return (passkeys(log)[before] + off_by) % 1000000
            await asyncio.sleep(0.1)
        return None

    return KeyboardOnly(passkey)


async def main(hci, name, log):
    log = Path(log)
    check(await is_said("authentication", hci, name, lambda: None),
          "who has not paired is refused by the device")
    check(await is_said("pair_on_connect failed", hci, name, lambda: keyboard(log, 1)),
          "who types another passkey is not paired")
    check(await is_said("hello", hci, name, lambda: keyboard(log)),
          "who types the passkey that the device shows is answered")


asyncio.run(main(*sys.argv[1:]))
