# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""SMP over Bluetooth into an application on an emulated board, all but the radio and the host stack:
the seam of ports/mcu/ble/ble.h, filled by tests/qemu/ble_line.c, and smpclient as the central."""

import socket
import struct

import pytest
from smpclient import SMPClient
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, ResetWrite

from parts import BANNER, SOURCE, Board, built, flash_with, kept, signed

MTU = 498
FRAMES = 5
PACKET_MAX = FRAMES * (MTU - 3)
PATIENCE_S = 600  # of a machine that has much else to do


@pytest.fixture(scope="module", name="application")
def fixture_application():
    return built(kept("ble"), "-DEXTRA_CONF_FILE=overlay_bt.conf",
                 f"-DBLE_HOST={SOURCE}/tests/qemu/ble_line.c;{SOURCE}/ports/mps2/line.c")


class Central:
    """Of smpclient's transports, one that speaks to the board's host stack."""

    def __init__(self, line):
        self.line = line
        self.line.settimeout(PATIENCE_S)
        self.writes, self.latencies = [], []
        self._smp_server_transport_buffer_size = None

    def say(self, what, data=b""):
        self.line.sendall(what + struct.pack("<H", len(data)) + data)

    def hear(self):
        def read(size):
            data = b""
            while len(data) < size:
                data += self.line.recv(size - len(data))
            return data

        what, size = struct.unpack("<cH", read(3))
        data = read(size)
        if what == b"L":
            self.latencies.append(data[0])
            return self.hear()
        assert what == b"N"
        return data

    async def connect(self, _address, _timeout_s):
        self.say(b"C", struct.pack("<H", MTU))
        self.say(b"P")
        self.say(b"S")

    async def disconnect(self):
        self.say(b"D")

    async def send(self, data):
        pieces = [data[at:at + self.mtu] for at in range(0, len(data), self.mtu)]
        self.writes.append(len(pieces))
        for piece in pieces:
            self.say(b"W", piece)

    async def receive(self):
        data = self.hear()
        while len(data) < 8 + int.from_bytes(data[2:4], "big"):
            data += self.hear()
        return data

    async def send_and_receive(self, data):
        await self.send(data)
        return await self.receive()

    def initialize(self, smp_server_transport_buffer_size):
        self._smp_server_transport_buffer_size = smp_server_transport_buffer_size

    @property
    def mtu(self):
        return MTU - 3

    @property
    def max_unencoded_size(self):
        return self._smp_server_transport_buffer_size or self.mtu


@pytest.fixture(name="central")
def fixture_central(tmp_path, application):
    """Of a board that runs 1.0.0."""
    flash = flash_with(signed(tmp_path, "1.0.0", program=application / "app.bin").read_bytes())
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind(str(tmp_path / "ble"))
        waiting.listen()
        with Board(tmp_path, application, flash, "-serial", "null",
                   "-chardev", f"socket,id=ble,path={tmp_path}/ble",
                   "-serial", "chardev:ble") as machine:
            machine.wait_for(BANNER)
            central = Central(waiting.accept()[0])
            central.machine = machine
            yield central
            assert machine.guest_errors() == []


@pytest.mark.asyncio
async def test_an_image_comes_in_packets_of_five_whole_values(tmp_path, central):
    image = signed(tmp_path, "2.0.0").read_bytes()
    async with SMPClient(central, "board", timeout_s=PATIENCE_S) as client:
        assert central.max_unencoded_size == PACKET_MAX
        async for _ in client.upload(image, slot=0):
            pass
        images = (await client.request(ImageStatesRead())).images
        assert {one.slot: one.version for one in images} == {0: "1.0.0", 1: "2.0.0"}
    assert max(central.writes) == FRAMES
    assert central.latencies[0] == 1


def states(images):
    """Of each slot: its version, and whether it runs and stays."""
    return {one.slot: (one.version, bool(one.active), bool(one.confirmed)) for one in images}


@pytest.mark.asyncio
async def test_a_device_is_upgraded_by_what_comes_over_bluetooth(tmp_path, central, application):
    """Bootloader and server are ours: uploaded, tried, swapped in, confirmed, and still there."""
    image = signed(tmp_path, "2.0.0", program=application / "app.bin").read_bytes()
    async with SMPClient(central, "board", timeout_s=PATIENCE_S) as client:
        async for _ in client.upload(image, slot=0):
            pass
        new, = [one for one in (await client.request(ImageStatesRead())).images if one.slot == 1]
        await client.request(ImageStatesWrite(hash=new.hash))
        await client.request(ResetWrite())
    central.machine.wait_for(BANNER, 2)
    async with SMPClient(central, "board", timeout_s=PATIENCE_S) as client:
        assert states((await client.request(ImageStatesRead())).images) == {
            0: ("2.0.0", True, False), 1: ("1.0.0", False, True)}
        await client.request(ImageStatesWrite(confirm=True))
        await client.request(ResetWrite())
    central.machine.wait_for(BANNER, 3)
    async with SMPClient(central, "board", timeout_s=PATIENCE_S) as client:
        assert states((await client.request(ImageStatesRead())).images) == {
            0: ("2.0.0", True, True), 1: ("1.0.0", False, False)}


@pytest.mark.asyncio
async def test_answers_of_several_values_arrive_whole(central):
    async with SMPClient(central, "board", timeout_s=PATIENCE_S) as client:
        text = "0123456789" * 200
        assert (await client.request(EchoWrite(d=text))).r == text


def test_nobody_is_heard_before_pairing(central):
    request = bytes(EchoWrite(d="there?").BYTES)
    central.say(b"C", struct.pack("<H", MTU))
    central.say(b"S")
    central.say(b"W", request)
    central.say(b"P")
    second = bytes(EchoWrite(d="now?").BYTES)
    central.say(b"W", second)
    assert b"now?" in central.hear()
