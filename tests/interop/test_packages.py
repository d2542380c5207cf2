# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What `dfu upgrade` and `dfu image upload` take beside a binary, against the virtual device."""

import json

import pytest
from intelhex import IntelHex

from virtual_device import DFU, Device, make_image, run


@pytest.fixture
def device(tmp_path):
    one = Device(tmp_path)
    yield one
    code = one.stop()
    assert code in (None, 0), f"exit code {code}:\n{one.console()}"
    assert "Sanitizer" not in one.console()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=blinky\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=blinky\n"),
    }


def dfu(device, *words):
    done = run(DFU, "-d", f"udp:{device.address}", *words, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def facts(device, *words):
    done = dfu(device, "-q", "--json", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def listed(device):
    return {(slot["image"], slot["slot"]): slot
            for slot in facts(device, "image", "list")["images"]}


def assert_sentence(done, code, *words):
    """One sentence on standard error with that code and these words."""
    assert done.returncode == code, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("dfu: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0], errors[0]


def as_hex(binary, path, base=0xc200):
    text = IntelHex()
    text.frombytes(binary.read_bytes(), offset=base)
    text.write_hex_file(str(path))
    return path


# ---- Intel HEX ----

def test_a_hex_file_is_sent_as_the_binary_that_it_holds(device, images, tmp_path):
    device.start("--init", images["v1"])
    path = as_hex(images["v2"], tmp_path / "v2.hex")
    size = images["v2"].stat().st_size
    assert facts(device, "image", "upload", path)["bytes"] == size
    held = listed(device)[0, 1]["hash"]
    assert facts(device, "image", "upload", images["v2"])["resumed_at"] == size  # the same bytes
    assert facts(device, "upgrade", path)["outcome"] == "confirmed"
    assert listed(device)[0, 0]["hash"] == held


def test_a_hex_file_that_is_not_sound_or_no_image_is_refused_before_anything_is_sent(device, images,
                                                                                     tmp_path):
    path = as_hex(images["v2"], tmp_path / "v2.hex")
    text = path.read_text()
    for command in (["upgrade"], ["image", "upload"]):
        path.write_text(text[:4000])
        assert_sentence(dfu(device, *command, path), 2, "v2.hex", "line")
        path.write_text(text.replace("\n", "x\n", 1))
        assert_sentence(dfu(device, *command, path), 2, "v2.hex", "line 1")
        as_hex(images["v2"], path).write_text(":0100000041BE\n:00000001FF\n")
        assert_sentence(dfu(device, *command, path), 1, "v2.hex", "not a firmware image")
