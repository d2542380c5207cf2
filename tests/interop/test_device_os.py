# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Commands of the OS group that ask for something of the virtual device itself: its pools of memory,
and whether its console shows what is typed. In both versions, as bytes over UDP."""

import base64
import binascii
import os
import select
import socket

import cbor2
import pytest

from virtual_device import DFU, Device, make_image, run

OS, SETTINGS, LOG = 0, 3, 4
READ, WRITE = 0, 2
HEADER = 8


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("images") / "v1.bin", "1.2.3", "name=blinky\n")


@pytest.fixture
def device(tmp_path, image):
    one = Device(tmp_path)
    one.start("--init", image, "--console-on-serial")
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


def packet(version, op, group, number, body):
    payload = cbor2.dumps(body)
    return bytes([version << 3 | op, 0]) + len(payload).to_bytes(2, "big") + \
        group.to_bytes(2, "big") + bytes([0x42, number]) + payload


def ask(device, version, op, group, number, body, times=1):
    """The bodies of as many answers as requests are in one packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(5)
        link.connect((device.address, 1337))
        link.send(packet(version, op, group, number, body) * times)
        answers = [link.recv(4096) for _ in range(times)]
    for answer in answers:
        assert answer[0] == version << 3 | op + 1 and answer[1] == 0
        assert int.from_bytes(answer[2:4], "big") == len(answer) - HEADER
        assert answer[4:8] == group.to_bytes(2, "big") + bytes([0x42, number])
    bodies = [cbor2.loads(answer[HEADER:]) for answer in answers]
    return bodies[0] if times == 1 else bodies


def pools(device, version):
    told = ask(device, version, READ, OS, 3, {})
    assert set(told) == {"settings", "log"}
    for pool in told.values():
        assert set(pool) == {"blksiz", "nblks", "nfree", "min"}
        assert 0 <= pool["min"] <= pool["nfree"] <= pool["nblks"] == 32 and pool["blksiz"] > 0
    return told


# ---- Pools ----

@pytest.mark.parametrize("version", [0, 1])
def test_settings_take_places_of_their_pool_and_give_them_back(device, version):
    before = pools(device, version)["settings"]
    for name in ("app/a", "app/b", "app/c"):
        ask(device, version, WRITE, SETTINGS, 0, {"name": name, "val": b"x"})
    assert pools(device, version)["settings"]["nfree"] == before["nfree"] - 3
    assert ask(device, version, WRITE, SETTINGS, 1, {"name": "app/b"}) == {}
    ask(device, version, WRITE, SETTINGS, 3, {})
    after = pools(device, version)["settings"]
    assert after["nfree"] == before["nfree"] - 2 and after["min"] == before["nfree"] - 3


def test_the_least_is_that_within_a_packet_too(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(5)
        link.connect((device.address, 1337))
        name = {"name": "app/short-lived"}
        link.send(packet(1, WRITE, SETTINGS, 0, name | {"val": b"x"}) +
                  packet(1, WRITE, SETTINGS, 1, name) + packet(1, WRITE, SETTINGS, 3, {}))
        assert all(cbor2.loads(link.recv(4096)[HEADER:]) == {} for _ in range(3))
    settings = pools(device, 1)["settings"]
    assert (settings["nfree"], settings["min"]) == (32, 31)


@pytest.mark.parametrize("version", [0, 1])
def test_lines_of_the_console_take_places_until_the_log_is_cleared(device, version):
    lines = ask(device, version, READ, LOG, 0, {"log_name": "console", "ts": -1})["next_index"]
    ask(device, version, WRITE, LOG, 1, {})
    log = pools(device, version)["log"]
    assert 0 < lines < 32 and (log["nfree"], log["min"]) == (32, 32 - lines)


def test_dfu_lists_the_pools(device):
    listed = run(DFU, "-d", f"udp:{device.address}", "mpstat").stdout
    assert listed.splitlines()[0].split()[0] == "pool"
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["settings", "log"]


# ---- The console's echo ----

def typed(device, text):
    """What the serial line shows when this is typed there."""
    line = os.open(device.link, os.O_RDWR | os.O_NOCTTY)
    try:
        while select.select([line], [], [], 0)[0]:
            os.read(line, 65536)  # what it printed before
        os.write(line, text)
        shown = b""
        while len(shown) < len(text) and select.select([line], [], [], 0.5)[0]:
            shown += os.read(line, 65536)
        return shown
    finally:
        os.close(line)


def frame(content):
    """A console frame around a packet."""
    crc = binascii.crc_hqx(content, 0).to_bytes(2, "big")
    whole = (len(content) + 2).to_bytes(2, "big") + content + crc
    return b"\x06\x09" + base64.b64encode(whole) + b"\n"


@pytest.mark.parametrize("version", [0, 1])
def test_the_console_shows_what_is_typed_unless_it_is_told_not_to(device, version):
    assert typed(device, b"hello\r") == b"hello\r"
    assert ask(device, version, WRITE, OS, 1, {"echo": 0}) == {}
    assert typed(device, b"hello\r") == b""
    assert ask(device, version, WRITE, OS, 1, {"echo": 1}) == {}
    assert typed(device, b"hello\r") == b"hello\r"


def test_a_packet_on_the_consoles_line_is_not_shown(device):
    request = packet(1, READ, OS, 6, {})
    shown = typed(device, b"ab" + frame(request) + b"cd")
    start = shown.index(b"\x06\x09")
    assert b"ab" in shown[:start] + shown[shown.index(b"\n"):]
    assert frame(request)[:-1] not in shown


def test_each_start_has_its_echo(device):
    ask(device, 1, WRITE, OS, 1, {"echo": 0})
    ask(device, 1, WRITE, OS, 5, {})
    device.wait_for("app: blinky 1.2.3+0 running", count=2)
    assert typed(device, b"again\r") == b"again\r"


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("body", [{}, {"echo": "on"}, {"echo": b"\x01"}])
def test_a_wish_that_says_nothing_is_refused(device, version, body):
    assert ask(device, version, WRITE, OS, 1, body) == {"rc": 3}
    assert typed(device, b"x") == b"x"


def test_without_a_console_on_it_the_line_shows_nothing(tmp_path, image):
    one = Device(tmp_path)
    one.start("--init", image)
    assert typed(one, b"hello\r") == b""
    assert one.stop() == 0
