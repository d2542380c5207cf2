# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Uploads that send only what differs: `dfu` and `dfu sim` as two processes, and a client that knows
nothing of it."""

import json
import random

import pytest

from virtual_device import BIN, DFU, SLOT_SIZE, run

SIZE = 150_000
PAGE = 4096


def signed(path, version, payload):
    source = path.with_suffix(".payload")
    source.write_bytes(payload)
    done = run(BIN / "imgtool", "sign", "--version", version, "--header-size", "0x200",
               "--pad-header", "--align", "4", "--slot-size", hex(SLOT_SIZE), source, path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Versions of one program: v2 has other bytes in one place, v3 is another program."""
    folder = tmp_path_factory.mktemp("images")
    body = bytearray(b"dfukit-app\nname=blinky\n\n" + random.Random(5).randbytes(SIZE))
    first = signed(folder / "v1.bin", "1.0.0", body)
    body[70_000] ^= 1
    second = signed(folder / "v2.bin", "2.0.0", body)
    other = signed(folder / "v3.bin", "3.0.0",
                   b"dfukit-app\nname=other\n\n" + random.Random(6).randbytes(SIZE))
    return {"v1": first, "v2": second, "v3": other}


def target(device, link):
    return f"udp:{device.address}" if link == "udp" else f"serial:{device.link}"


def upload(device, image, *options, link="udp"):
    done = run(DFU, "--json", "-q", "-d", target(device, link), "image", "upload", *options, image)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert facts["match"]
    size = image.stat().st_size
    start = device.flash.read_bytes()
    assert image.read_bytes() in start, "the slot holds the file"
    assert facts["bytes"] == size
    return facts


def assert_little_was_sent(facts, image, link="udp"):
    """The page with the header, the changed one, the last; on a long way also what was sent while
    the device was asked twice: two chunks of half a page each time, and the pages they begin."""
    least = 2 * PAGE + image.stat().st_size % PAGE
    assert least <= facts["sent"] <= least + (3 * PAGE if link == "udp" else 0)


@pytest.mark.parametrize("link", ["udp", "serial"])
def test_pages_of_the_running_version_are_not_sent(device, images, link):
    device.start("--init", images["v1"])
    sent = upload(device, images["v2"], link=link)
    assert_little_was_sent(sent, images["v2"], link)
    assert sent["copied"] == images["v2"].stat().st_size - sent["sent"] and sent["kept"] == 0


def test_pages_of_an_older_upload_are_not_sent(device, images):
    device.start("--init", images["v3"])
    assert upload(device, images["v1"])["kept"] == 0
    sent = upload(device, images["v2"])
    assert_little_was_sent(sent, images["v2"])
    assert sent["kept"] == images["v2"].stat().st_size - sent["sent"]
    equal = upload(device, images["v2"])
    assert equal["sent"] < 2048 and equal["requests"] == 1


def test_what_differs_everywhere_is_sent_whole_and_so_it_is_where_that_is_asked_for(device, images):
    device.start("--init", images["v1"])
    assert upload(device, images["v3"])["sent"] == images["v3"].stat().st_size
    whole = upload(device, images["v2"], "--no-diff")
    assert whole["sent"] == images["v2"].stat().st_size and whole["copied"] == whole["kept"] == 0


def test_an_upgrade_says_what_it_did_not_send(device, images):
    device.start("--init", images["v1"])
    done = run(DFU, "-d", target(device, "udp"), "upgrade", images["v2"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 were in the slot, " in done.stderr and " in the running one" in done.stderr
    # And the way back: the slot has the first version since the swap.
    back = run(DFU, "--json", "-q", "-d", target(device, "udp"), "upgrade", images["v1"])
    assert back.returncode == 0, back.stdout + back.stderr
    facts = json.loads(back.stdout)
    assert facts["outcome"] == "confirmed" and facts["sent"] < 2048
    assert facts["resumed_at"] == facts["bytes"]


def test_a_device_that_lost_its_power_at_any_moment_gets_the_rest(device, images):
    """The process is killed after some requests; another client sends the file again."""
    device.start("--init", images["v3"])
    upload(device, images["v1"])
    for image in (images["v3"], images["v2"]):
        device.stop()
        device.start("--real-time")
        client = run("timeout", "-s", "KILL", "0.6", DFU, "-q", "-d", target(device, "udp"), "image",
                     "upload", image)
        device.kill()
        device.start()
        sent = upload(device, image)
        there = sent["kept"] + sent["copied"] + sent["resumed_at"]
        assert sent["sent"] + there >= sent["bytes"]
        assert client.returncode in (0, 137, -9), client.stderr


def test_smpmgr_uploads_as_ever(device, images):
    device.start("--init", images["v1"])
    device.smpmgr("udp", "image", "upload", images["v2"])
    assert images["v2"].read_bytes() in device.flash.read_bytes()
    listed = run(DFU, "--json", "-d", target(device, "udp"), "image", "list")
    assert [slot["version"] for slot in json.loads(listed.stdout)["images"]] == ["1.0.0", "2.0.0"]
