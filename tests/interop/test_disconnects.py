# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The link breaks at every packet of an upload, on real sockets and terminals: it completes or says
why, and the slot never holds wrong bytes that verify. The server restarts at every chunk: what it
had stored is not sent again."""

import json
import subprocess

import pytest

from link_proxy import TO_CLIENT, TO_DEVICE, Tunnel, UdpProxy
from virtual_device import DFU, SLOT_SIZE, make_image, run

SLOT_1 = 0x82000  # of the board
LOSES = 8192 + 4096  # what an upload may lose by a restart of this device
PACKET = 2048
WINDOW = 3


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=30000, fill=1),
            make_image(folder / "v3.bin", "3.0.0", "name=blinky\n", size=40000, fill=1)]


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


def offset_in(packet):
    """Of a chunk of an upload; 0 of another request."""
    at = packet.find(b"\x63off")
    if at < 0:
        return 0
    head, more = packet[at + 4], packet[at + 5:]
    return {24: more[0], 25: int.from_bytes(more[:2], "big")}.get(head, head)


def test_a_server_that_restarts_at_any_chunk_is_not_sent_again_what_it_stored(device, images):
    """It had all before the chunks that were on their way, and had stored the most of it."""
    options = ("--init", images[0])
    device.start(*options)
    size = images[2].stat().st_size
    number, came = 0, [0]
    while came:
        number += 1
        erase(device)
        came = []

        def fate(way, count, packet, number=number, came=came):
            if way == TO_DEVICE and count == number:
                came.append(offset_in(packet))
                device.kill()
                device.start(*options)
                return []
            return [(0, packet)]

        with UdpProxy(device, fate) as proxy:
            code, said = upload(proxy.target, images[2], "--no-diff")
        assert code == 0 and said["match"], said
        assert_right_or_nothing(device, images[2], True)
        if came:
            assert said["resumed_at"] >= came[0] - WINDOW * PACKET - LOSES, (came, said)
            again = came[0] - said["resumed_at"] if said["resumed_at"] else came[0]
            assert said["sent"] <= size + again + (2 * WINDOW + 1) * PACKET, (came, said)
    assert number > 20


def test_a_server_that_restarts_again_and_again_gets_the_image_all_the_same(device, images):
    options = ("--init", images[0])
    device.start(*options)
    size = images[2].stat().st_size
    restarts = []

    def fate(way, count, packet):
        if way == TO_DEVICE and count >= (restarts[-1] if restarts else 0) + 10:
            restarts.append(count)
            device.kill()
            device.start(*options)
            return []
        return [(0, packet)]

    with UdpProxy(device, fate) as proxy:
        code, said = upload(proxy.target, images[2], "--no-diff")
    assert code == 0 and said["match"], said
    print(f"{len(restarts)} restarts, {said['sent']} bytes sent of {size}")
    assert len(restarts) >= 3
    assert said["sent"] <= size + len(restarts) * (LOSES + 2 * WINDOW * PACKET)
    assert_right_or_nothing(device, images[2], True)


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


def test_a_terminal_that_closes_and_comes_back_at_any_packet_is_opened_again(device, images):
    """The device restarts: its pseudo terminal is another one, by the same name."""
    options = ("--init", images[0], "--baud", 460800)
    device.start(*options)
    number, was_over = 0, False
    while not was_over:
        number += 3
        erase(device)
        process = subprocess.Popen(
            [DFU, "--json", "-vv", "-d", f"serial:{device.link}", "image", "upload", "--no-diff",
             images[1]], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sent, was_over = 0, True
        for line in process.stderr:
            sent += line.startswith("> ")
            if sent == number and line.startswith("> "):
                device.kill()
                device.start(*options)
                was_over = False
        said = json.loads(process.stdout.read())
        assert process.wait() == 0 and said["match"], said
        assert_right_or_nothing(device, images[1], True)
    assert number > 10
