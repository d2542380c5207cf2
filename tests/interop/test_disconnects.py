# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The link breaks at every packet of an upload, on real sockets and terminals: it completes or says
why, and the slot never holds wrong bytes that verify."""

import json
import selectors
import socket
import threading

import pytest

from link_proxy import TO_CLIENT, TO_DEVICE, UdpProxy
from virtual_device import DFU, SLOT_SIZE, Device, make_image, run

SLOT_1 = 0x82000  # of the board
HEADER = 8


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=30000, fill=1)]


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    assert one.stop() in (None, 0)
    assert "Sanitizer" not in one.console()


def upload(target, image, *words):
    done = run(DFU, "-q", "--json", "-d", target, "image", "upload", *words, image, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def assert_right_or_nothing(device, image, is_whole):
    """What lies in the slot is the image, or does not verify."""
    flash = device.flash.read_bytes()
    slot = device.folder / "slot.bin"
    slot.write_bytes(flash[SLOT_1:SLOT_1 + SLOT_SIZE])
    verifies = run(DFU, "verify", slot).returncode == 0
    content = image.read_bytes()
    assert not verifies or flash[SLOT_1:SLOT_1 + len(content)] == content
    assert verifies or not is_whole


def erase(device):
    done = run(DFU, "-q", "-d", f"udp:{device.address}", "image", "erase")
    assert done.returncode == 0, done.stderr


class Tunnel:
    """Raw SMP over TCP before the device's; breaks the connection at one packet, for a moment or
    for good."""

    def __init__(self, device, port, way, number, comes_back):
        self.to = (device.address, port)
        self.break_at = (way, number)
        self.comes_back = comes_back
        self.counts = {TO_DEVICE: 0, TO_CLIENT: 0}
        self.listener = socket.create_server((device.address, 0))
        self.target = f"tcp:{device.address}:{self.listener.getsockname()[1]},raw"
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.broke = False

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join()

    def _run(self):
        while True:
            try:
                front = self.listener.accept()[0]
            except OSError:
                return
            with front, socket.create_connection(self.to) as back:
                is_broken = self._carry(front, back)
            if is_broken and not self.comes_back:
                self.listener.close()
                return

    def _carry(self, front, back):
        """Until an end closes (False) or the packet came (True)."""
        ends = {front: (TO_DEVICE, back, bytearray()), back: (TO_CLIENT, front, bytearray())}
        with selectors.DefaultSelector() as selector:
            for end in ends:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    way, other, held = ends[key.fileobj]
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        return False
                    held += data
                    while len(held) >= HEADER and \
                            len(held) >= (size := HEADER + int.from_bytes(held[2:4], "big")):
                        self.counts[way] += 1
                        if not self.broke and (way, self.counts[way]) == self.break_at:
                            self.broke = True
                            other.sendall(held[:size // 2])
                            return True
                        other.sendall(held[:size])
                        del held[:size]


@pytest.mark.parametrize("way", [TO_DEVICE, TO_CLIENT])
def test_a_tunnel_that_breaks_at_any_packet_is_opened_again(device, images, way):
    port = device.start("--init", images[0], "--tcp", 0, "--serial-raw")["tcp"]
    number = 0
    while True:
        number += 1
        erase(device)
        with Tunnel(device, port, way, number, True) as tunnel:
            code, said = upload(tunnel.target, images[1])
        assert code == 0 and said["match"], said
        assert_right_or_nothing(device, images[1], True)
        if not tunnel.broke:
            break
    assert number > 10


@pytest.mark.parametrize("way", [TO_DEVICE, TO_CLIENT])
def test_a_tunnel_that_breaks_for_good_at_any_packet_is_said(device, images, way):
    port = device.start("--init", images[0], "--tcp", 0, "--serial-raw")["tcp"]
    number, broke = 0, True
    while broke:
        number += 1
        erase(device)
        with Tunnel(device, port, way, number, False) as tunnel:
            code, said = upload(tunnel.target, images[1], "--timeout", "1")
        broke = tunnel.broke
        if code == 0:
            assert said["match"]
        else:
            assert code in (3, 4) and ("lost the connection" in said["error"]["message"] or
                                       "went silent after" in said["error"]["message"]), said
        assert_right_or_nothing(device, images[1], code == 0)
    assert number > 10


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 12])
def test_a_server_that_goes_for_good_is_said(device, images, number):
    device.start("--init", images[0])

    def fate(way, count, packet):
        if way == TO_DEVICE and count == number:
            device.kill()
        return [] if way == TO_DEVICE and count >= number else [(0, packet)]

    with UdpProxy(device, fate) as proxy:
        code, said = upload(proxy.target, images[1], "--timeout", "1")
    assert code == 4 and "error" in said
    assert_right_or_nothing(device, images[1], False)
