#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Upload an image with a peer that is a library, with its best settings for our virtual device, and
print the seconds of the transfer alone: connected before, nothing but the upload is timed.

usage: peer.py PEER LINK WHERE BAUD IMAGE TIMEOUT_MS
"""

import asyncio
import sys
import time
from pathlib import Path

BUFFER = 2048  # of the device, in bytes


def smpclient(link, where, baud, image, timeout_ms):
    """It learns the buffer from the device over a console line; elsewhere it is told."""
    from smpclient import SMPClient
    from smpclient.transport.serial import SMPSerialRawTransport, SMPSerialTransport
    from smpclient.transport.udp import SMPUDPTransport

    transport = {"udp": lambda: SMPUDPTransport(mtu=BUFFER + 28),
                 "console": lambda: SMPSerialTransport(baudrate=baud),
                 "raw": lambda: SMPSerialRawTransport(mtu=BUFFER, baudrate=baud)}[link]()

    async def upload():
        async with SMPClient(transport, where, timeout_s=timeout_ms / 1000) as client:
            started = time.monotonic()
            async for _ in client.upload(image):
                pass
            return time.monotonic() - started
    return asyncio.run(upload())


def toolkit(link, where, baud, image, timeout_ms):
    """It asks for the buffer's size, and sends again what is not answered in time."""
    from mcumgr_toolkit import MCUmgrClient

    client = {"udp": lambda: MCUmgrClient.udp(where, 1337, timeout_ms),
              "console": lambda: MCUmgrClient.serial(where, baud, timeout_ms),
              "raw": lambda: MCUmgrClient.raw_serial(where, baud, timeout_ms)}[link]()
    client.set_retries(20)
    client.use_auto_frame_size()
    started = time.monotonic()
    client.image_upload(image)
    return time.monotonic() - started


def mcumgr_client(_link, where, baud, image, timeout_ms):
    """Its MTU counts encoded bytes: as many as still fit into the device's buffer."""
    from mcumgr_client import SerialSession

    path = Path(sys.argv[5])
    assert path.read_bytes() == image
    session = SerialSession(where, baudrate=baud, subsequent_timeout_ms=timeout_ms, linelength=128,
                            mtu=2760)
    started = time.monotonic()
    session.upload(str(path))
    return time.monotonic() - started


def main():
    peer, link, where, baud, image, timeout_ms = sys.argv[1:]
    upload = {"smpclient": smpclient, "toolkit": toolkit, "mcumgr-client": mcumgr_client}[peer]
    took = upload(link, where, int(baud), Path(image).read_bytes(), int(timeout_ms))
    print(f"{took:.6f}")


if __name__ == "__main__":
    main()
