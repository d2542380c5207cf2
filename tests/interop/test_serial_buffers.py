# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Servers behind a console keep a packet's length and CRC in the buffer whose size they tell, and
drop without a word what does not fit: what `dfu` sends is four bytes shorter than on other links.
The frames are cut and joined by the smp package."""

import binascii
import os
import pty
import select
import tty

import pytest
import smp.packet

from field_servers import Zephyr
from virtual_device import DFU, make_image, run
from wrong_server import Image

FIRST, NEXT = b"\x06\x09", b"\x04\x14"
REST = 4


class Console(Zephyr):
    """The same server, on a terminal, with a buffer of this size for what the base64 holds."""

    def __init__(self, buf_size):
        self.buf_size, self.room = buf_size, buf_size
        self.longest, self.dropped = 0, 0
        self.image, self.files = b"", {}
        self.packet, self.length = None, 0
        self.end, self.kept = pty.openpty()
        tty.setraw(self.kept)
        self.path = os.ttyname(self.kept)
        super().__init__()

    def close(self):
        super().close()
        os.close(self.end)
        os.close(self.kept)

    def serve(self):
        pending = b""
        while self.is_open:
            if not select.select([self.end], [], [], 0.05)[0]:
                continue
            pending += os.read(self.end, 4096)
            *lines, pending = pending.split(b"\n")
            for line in lines:
                self.take_line(line)

    def take_line(self, line):
        if line[:2] == FIRST:
            self.packet, self.room = b"", self.buf_size
        if line[:2] not in (FIRST, NEXT) or self.packet is None:
            return
        data = binascii.a2b_base64(line[2:])
        if len(data) > self.room:
            self.packet = None
            self.dropped += 1
            return
        self.room -= len(data)
        if line[:2] == FIRST:
            self.length, data = int.from_bytes(data[:2], "big"), data[2:]
        self.packet += data
        if len(self.packet) == self.length:
            assert binascii.crc_hqx(self.packet, 0) == 0
            self.longest = max(self.longest, len(self.packet) - 2)
            self.take(self.packet[:-2], self.send)
            self.packet = None

    def send(self, packet):
        for frame in smp.packet.encode(packet):
            os.write(self.end, frame)

    def read_0_6(self, _):
        return {"buf_size": self.buf_size, "buf_count": 4}

    def add(self, data):
        """Images are known by the hash at their end."""
        upload = self.upload
        answer = super().add(data)
        if self.upload is None:
            self.image = upload["data"]
            self.slots[1] = Image("2.0.0", self.image[-32:])
        return answer

    def write_8_0(self, payload):
        args = self.decode(payload, {"name": str, "off": int, "len": int, "data": bytes})
        content = b"" if args["off"] == 0 else self.files[args["name"]]
        self.files[args["name"]] = content + args["data"]
        return {"off": len(self.files[args["name"]])}


@pytest.fixture(params=[384, 512, 1000, 2475])
def console(request):
    server = Console(request.param)
    yield server
    server.close()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("images") / "v2.bin", "2.0.0", size=80000)


def send(console, *words):
    """What `dfu` sends, and that it fills the buffer as far as it may."""
    done = run(DFU, "-q", "--timeout", "5", "-d", f"serial:{console.path}", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert console.dropped == 0
    assert console.buf_size - REST - 16 < console.longest <= console.buf_size - REST


def test_an_image_arrives_in_packets_that_fit(console, image):
    send(console, "image", "upload", image)
    assert console.image == image.read_bytes()


def test_an_upgrade_arrives_in_packets_that_fit(console, image):
    send(console, "upgrade", "--no-reset", image)
    assert console.image == image.read_bytes() and console.slots[1].pending


def test_a_file_arrives_in_packets_that_fit(console, tmp_path):
    content = bytes(range(256)) * 20
    (tmp_path / "file").write_bytes(content)
    send(console, "fs", "upload", tmp_path / "file", "/lfs/file")
    assert console.files["/lfs/file"] == content
    assert console.longest == console.buf_size - REST
