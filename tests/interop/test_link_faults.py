# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The real `dfu` and the virtual device over sockets that a proxy spoils; the breadth of it is in
unit-client_faults, in virtual time. Every seed is fixed and printed."""

import json
import time

import pytest

from link_proxy import TO_CLIENT, TO_DEVICE, Faults, LineProxy, UdpProxy
from virtual_device import DFU, Device, make_image, run


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
            make_image(folder / "v2.bin", "2.0.0", "name=blinky\n", size=14000)]


@pytest.fixture
def device(tmp_path, images):
    (tmp_path / "files").mkdir()
    one = Device(tmp_path)
    one.start("--init", images[0], "--files", tmp_path / "files")
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


def through(proxy, *words, code=0, **options):
    done = run(DFU, "-q", "--json", "-d", proxy.target, *words, timeout=120, **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Sanitizer" not in done.stderr
    return json.loads(done.stdout)


LINKS = {
    "loss 1 %": {"loss": 0.01},
    "loss 5 %": {"loss": 0.05},
    "loss 10 %": {"loss": 0.1},
    "repeats": {"repeat": 0.3},
    "changed order": {"reorder": 0.3},
    "up to half a second of delay": {"delay": (0, 0.5)},
    "all of it": {"loss": 0.05, "repeat": 0.1, "reorder": 0.1, "delay": (0, 0.05)},
}


@pytest.mark.parametrize("name", LINKS)
def test_an_upload_over_a_bad_link_completes(device, images, name):
    with UdpProxy(device, Faults(name, **LINKS[name])) as proxy:
        sent = through(proxy, "image", "upload", images[1])
    assert sent["match"]
    print(name, sent)


def test_damaged_packets_never_leave_an_image_that_verifies(device, images):
    with UdpProxy(device, Faults("damage", corrupt=0.03)) as proxy:
        for _ in range(12):
            done = run(DFU, "-q", "--json", "-d", proxy.target, "image", "upload", images[1])
            assert done.returncode in (0, 1, 4), done.stdout + done.stderr
            if done.returncode:
                assert json.loads(done.stdout)["error"]["message"]
            elif json.loads(done.stdout)["match"]:
                break
        else:
            raise AssertionError("never whole")
    assert run(DFU, "-d", f"udp:{device.address}", "-q", "upgrade", images[1]).returncode == 0


@pytest.mark.parametrize("name, faults", [
    ("nothing", {}), ("lines lost", {"loss": 0.01}), ("lines damaged", {"corrupt": 0.01})])
def test_a_serial_line_that_loses_and_damages_is_survived(device, images, name, faults):
    """Each packet is many lines under one checksum: a damaged one is a lost one."""
    with LineProxy(device, Faults(name, **faults)) as proxy:
        sent = through(proxy, "image", "upload", images[1])
    assert sent["match"] and (sent["repeated"] > 0) == bool(faults)


@pytest.mark.parametrize("way", [TO_DEVICE, TO_CLIENT])
@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_a_link_that_is_gone_for_a_second_is_survived(device, images, way, number):
    """From one packet on nothing passes, either way, for a while."""
    down = {}

    def fate(direction, count, packet):
        if (direction, count) == (way, number):
            down["until"] = time.monotonic() + 1
        return [] if time.monotonic() < down.get("until", 0) else [(0, packet)]

    with UdpProxy(device, fate) as proxy:
        assert through(proxy, "image", "upload", images[1])["match"]


def test_files_cross_a_bad_link_both_ways(device, tmp_path):
    local, back = tmp_path / "local", tmp_path / "back"
    local.write_bytes(bytes(range(256)) * 40)
    with UdpProxy(device, Faults("files", loss=0.05, repeat=0.1, reorder=0.1)) as proxy:
        assert through(proxy, "fs", "upload", local, "/f")["checked"] == "sha256"
        assert through(proxy, "fs", "download", "/f", back)["checked"] == "sha256"
    assert back.read_bytes() == local.read_bytes()


def test_a_whole_upgrade_over_a_bad_link(device, images):
    with UdpProxy(device, Faults("upgrade", loss=0.1, repeat=0.1, reorder=0.1)) as proxy:
        assert through(proxy, "upgrade", images[1])["outcome"] == "confirmed"


def test_a_sleeping_device_is_asked_no_more_than_needed(device, images):
    """It hears what came since the last time, once every 1.5 seconds."""
    every = 1.5

    def fate(direction, count, packet):
        wait = every - time.monotonic() % every + count * 1e-4  # in the order they came
        return [(wait if direction == TO_DEVICE else 0, packet)]

    with UdpProxy(device, fate) as proxy:
        sent = through(proxy, "--latency", "1.5s", "image", "upload", images[1])
        assert sent["repeated"] == 0 and sent["requests"] * every > sent["seconds"]
        assert through(proxy, "--latency", "1.5", "echo", "hi") == {"echo": "hi"}


def test_a_latency_is_a_number_of_seconds():
    for wrong in ("soon", "0", "-1", "60m", "s", ""):
        done = run(DFU, "-d", "udp:127.0.0.1", "--latency", wrong, "echo")
        assert done.returncode == 2 and "number of seconds" in done.stderr, done.stderr
