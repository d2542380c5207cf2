# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Compressed updates, made by imgtool and by dfu, sent by smpmgr and by dfu, to a virtual device."""

import json
import random
import re
from pathlib import Path

import pytest

from virtual_device import BIN, DFU, SLOT_SIZE, run

OPTIONS = ["-H", "0x200", "--pad-header", "--align", "4", "-S", hex(SLOT_SIZE)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """v1 plain; v2 of each tool and form; all signed."""
    folder = tmp_path_factory.mktemp("images")
    key = folder / "key.pem"
    assert run(DFU, "keygen", "-k", key, "-t", "ecdsa-p256").returncode == 0

    def sign(name, version, *options, tool=(BIN / "imgtool",)):
        noise = random.Random(version)
        words = [noise.randbytes(6) for _ in range(200)]
        program = folder / f"{version}.payload"
        program.write_bytes(b"dfukit-app\nname=blinky\n\n" +
                            b"".join(noise.choice(words) for _ in range(20000)))
        out = folder / f"{name}.bin"
        done = run(*tool, "sign", "-k", key, "-v", version, *OPTIONS, *options, program, out)
        assert done.returncode == 0, done.stdout + done.stderr
        return out

    made = {"key": key, "v1": sign("v1", "1.0.0"), "plain": sign("plain", "2.0.0")}
    for form in ("lzma2", "lzma2armthumb"):
        made["imgtool " + form] = sign("i-" + form, "2.0.0", "--compression", form)
        made["dfu " + form] = sign("d-" + form, "2.0.0", "--compression", form, tool=(DFU,))
    assert made["dfu lzma2"].stat().st_size < 0.5 * made["plain"].stat().st_size
    return made


def start(device, images, *options, mode="overwrite"):
    device.start("--init", images["v1"], "--mode", mode, *options, trust=("-k", images["key"]))


def client(device, *words):
    done = run(DFU, "-d", f"udp:{device.address}", "--json", *words, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def decompressed_hash(image):
    """DECOMP_SHA, as imgtool shows it."""
    text = run(BIN / "imgtool", "dumpinfo", "-f", "json", image).stdout
    return next(tlv["data"] for tlv in json.loads(text)["tlv_area"]["tlvs_prot"]
                if tlv["type_name"] == "DECOMP_SHA")


@pytest.mark.parametrize("mode", ["overwrite", "overwrite-fast"])
@pytest.mark.parametrize("name", ["imgtool lzma2", "imgtool lzma2armthumb", "dfu lzma2",
                                  "dfu lzma2armthumb"])
def test_dfu_upgrades_with_it_and_knows_what_then_runs(device, images, name, mode):
    start(device, images, mode=mode)
    done = client(device, "-q", "upgrade", images[name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["outcome"] == "confirmed"
    device.wait_for("app: blinky 2.0.0+0 running from slot 0")
    again = client(device, "-q", "upgrade", images[name])
    assert json.loads(again.stdout)["outcome"] == "already running"
    listed = json.loads(client(device, "image", "list").stdout)
    assert listed["images"][0]["hash"] == decompressed_hash(images[name])


def test_smpmgr_upgrades_with_it(device, images):
    start(device, images)
    device.smpmgr("udp", "image", "upload", images["imgtool lzma2armthumb"])
    listed = device.smpmgr("udp", "image", "state-read")
    new_hash = re.search(r"version='2\.0\.0.*?([0-9A-Fa-f]{64})", listed, re.S).group(1)
    device.smpmgr("udp", "image", "state-write", new_hash)
    device.smpmgr("udp", "os", "reset")
    device.wait_for("app: blinky 2.0.0+0 running from slot 0")


@pytest.mark.parametrize("cut", [1, 30, 60, 90])
def test_power_may_fail_while_it_is_installed(device, images, cut):
    start(device, images, "--power-cut", cut)
    done = client(device, "-q", "upgrade", images["dfu lzma2"])
    assert json.loads(done.stdout)["outcome"] == "confirmed", done.stdout + done.stderr
    assert "sim: power lost" in device.console()


def test_a_device_that_swaps_refuses_it(device, images):
    start(device, images, mode="move")
    done = client(device, "-q", "upgrade", images["dfu lzma2"])
    assert done.returncode != 0
    device.wait_for("app: blinky 1.0.0+0 running from slot 0", count=2)


def test_a_slot_for_compressed_images_may_be_smaller(device, images, tmp_path):
    """480 KB through a slot of 240 KiB; what is not compressed does not fit."""
    text = (Path(__file__).parents[2] / "boards/nrf52840dk.dts").read_text()
    for old, new in [('mode = "swap-move";', 'mode = "overwrite"; decompress;'),
                     ("<0xc000 0x76000>", "<0xc000 0xb0000>"), ("partition@82000", "partition@bc000"),
                     ("<0x82000 0x76000>", "<0xbc000 0x3c000>")]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "small.dts").write_text(text)
    board = tmp_path / "small.dtb"
    assert run("dtc", "-@", "-q", "-O", "dtb", "-o", board, tmp_path / "small.dts").returncode == 0
    noise = random.Random(3)
    words = [noise.randbytes(6) for _ in range(200)]

    def sign(name, version, *options):
        (tmp_path / name).write_bytes(b"dfukit-app\nname=blinky\n\n" + b"".join(
            noise.choice(words) for _ in range(80000)))
        done = run(DFU, "sign", "-k", images["key"], "-v", version, "--board", board, "-H", "0x200",
                   "--pad-header", *options, tmp_path / name, tmp_path / f"{name}.bin")
        assert done.returncode == 0, done.stdout + done.stderr
        return tmp_path / f"{name}.bin"

    old, plain = sign("old", "1.0.0"), sign("plain", "2.0.0")
    packed = sign("packed", "2.0.0", "--compression", "lzma2")
    device.start("--init", old, trust=("-k", images["key"]), board=board)
    done = client(device, "image", "upload", plain)
    assert done.returncode == 1 and "does not fit" in done.stdout + done.stderr
    done = client(device, "-q", "upgrade", packed)
    assert json.loads(done.stdout)["outcome"] == "confirmed", done.stdout + done.stderr
    device.wait_for("app: blinky 2.0.0+0 running from slot 0")
