# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu fs upload` and `dfu fs download` where the way is long, and where they break off and go on."""

import json
import random
import subprocess
import time

import pytest

from link_proxy import TO_CLIENT, TO_DEVICE, UdpProxy
from virtual_device import DFU, Device, make_image, run

SIZE = 60000


@pytest.fixture
def device(tmp_path):
    (tmp_path / "files").mkdir()
    one = Device(tmp_path)
    image = make_image(tmp_path / "v1.bin", "1.0.0", "name=blinky\n")
    one.options = ("--init", image, "--files", tmp_path / "files")
    one.start(*one.options)
    yield one
    assert one.stop() == 0
    assert "Sanitizer" not in one.console()


@pytest.fixture
def content():
    return random.Random(7).randbytes(SIZE)


def fs(where, *words, code=0):
    target = getattr(where, "target", None) or f"udp:{where.address}"
    done = run(DFU, "-q", "--json", "-d", target, *words, timeout=120)
    assert done.returncode == code and "Sanitizer" not in done.stderr, done.stdout + done.stderr
    return json.loads(done.stdout)


def cut_after(packets):
    """Nothing passes after so many packets to the client, an answer too many."""
    return lambda way, number, packet: [] if number > packets else [(0, packet)]


def far(_direction, _number, packet):
    return [(0.025, packet)]


def test_as_many_chunks_are_on_their_way_as_the_device_has_buffers(device, content, tmp_path):
    local, back = tmp_path / "local", tmp_path / "back"
    local.write_bytes(content)
    with UdpProxy(device, far) as proxy:
        up = fs(proxy, "fs", "upload", local, "/f")
        down = fs(proxy, "fs", "download", "/f", back)
    assert up["window"] == down["window"] == 3 and up["resumed_at"] == down["resumed_at"] == 0
    assert back.read_bytes() == (tmp_path / "files" / "f").read_bytes() == content


def test_an_upload_that_broke_off_goes_on_if_the_device_has_its_beginning(device, content,
                                                                           tmp_path):
    local, there = tmp_path / "local", tmp_path / "files" / "f"
    local.write_bytes(content)
    with UdpProxy(device, cut_after(12)) as proxy:
        said = fs(proxy, "--timeout", "2", "fs", "upload", local, "/f", code=4)["error"]
    assert "start it again when it is back" in said["message"]
    begun = there.stat().st_size
    assert 0 < begun < SIZE
    sent = fs(device, "fs", "upload", local, "/f")
    assert sent["resumed_at"] == begun and sent["checked"] == "sha256"
    assert there.read_bytes() == content
    for other in (b"\0" + content[1:begun], content + b"more"):
        there.write_bytes(other)
        assert fs(device, "fs", "upload", local, "/f")["resumed_at"] == 0
        assert there.read_bytes() == content


def test_a_download_that_broke_off_goes_on_if_the_file_is_still_the_same(device, content,
                                                                          tmp_path):
    there, back, part = tmp_path / "files" / "f", tmp_path / "back", tmp_path / "back.part"
    there.write_bytes(content)
    with UdpProxy(device, cut_after(12)) as proxy:
        fs(proxy, "--timeout", "2", "fs", "download", "/f", back, code=4)
    begun = part.read_bytes()
    assert 0 < len(begun) < SIZE and content.startswith(begun) and not back.exists()
    got = fs(device, "fs", "download", "/f", back)
    assert got["resumed_at"] == len(begun) and got["checked"] == "sha256"
    assert back.read_bytes() == content and not part.exists()
    for wrong in (b"\0" + begun[1:], b""):
        part.write_bytes(wrong)
        assert fs(device, "fs", "download", "/f", back)["resumed_at"] == 0
        assert back.read_bytes() == content and not part.exists()


@pytest.mark.parametrize("verb", ["upload", "download"])
def test_a_tool_that_was_killed_is_taken_up(device, content, tmp_path, verb):
    local, there = tmp_path / "local", tmp_path / "files" / "f"
    (local if verb == "upload" else there).write_bytes(content)
    with UdpProxy(device, far) as proxy:
        words = [local, "/f"] if verb == "upload" else ["/f", local]
        process = subprocess.Popen([DFU, "-q", "-d", proxy.target, "fs", verb, *words])
        begun = there if verb == "upload" else tmp_path / "local.part"
        while not begun.exists() or begun.stat().st_size < SIZE // 4:
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert fs(device, "fs", verb, *words)["resumed_at"] >= SIZE // 4
    assert local.read_bytes() == there.read_bytes() == content


@pytest.mark.parametrize("verb", ["upload", "download"])
def test_a_device_that_restarts_in_the_middle_completes_it(device, content, tmp_path, verb):
    local, there = tmp_path / "local", tmp_path / "files" / "f"
    (local if verb == "upload" else there).write_bytes(content)
    restart_at = {10, 25}

    def fate(way, number, packet):
        if way == TO_DEVICE and number in restart_at:
            restart_at.discard(number)
            device.kill()
            device.start(*device.options)
            return []
        return [(0, packet)]

    with UdpProxy(device, fate) as proxy:
        words = [local, "/f"] if verb == "upload" else ["/f", local]
        fs(proxy, "fs", verb, *words)
    assert not restart_at and local.read_bytes() == there.read_bytes() == content


@pytest.mark.parametrize("way", [TO_DEVICE, TO_CLIENT])
def test_every_packet_of_a_transfer_may_be_lost(device, content, tmp_path, way):
    """Each once, and then the transfer is whole: the device's own hash says so."""
    local, back = tmp_path / "local", tmp_path / "back"
    local.write_bytes(content[:20000])
    for lost in range(1, 26):
        def fate(direction, number, packet, lost=lost):
            return [] if (direction, number) == (way, lost) else [(0, packet)]

        (tmp_path / "files" / "f").unlink(missing_ok=True)
        with UdpProxy(device, fate) as proxy:
            assert fs(proxy, "fs", "upload", local, "/f")["checked"] == "sha256"
        with UdpProxy(device, fate) as proxy:
            assert fs(proxy, "fs", "download", "/f", back)["checked"] == "sha256"
        assert back.read_bytes() == local.read_bytes()
