# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""DfuSe addressing with the real dfu-util -s, over the stand-in for libusb."""

import re

import pytest

from usb_device import RESET_ON_THE_WAY, SLOT_0, SLOT_1, UsbDevice
from virtual_device import SLOT_SIZE, make_image


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=dfu\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=hello\n", size=50001),
    }


@pytest.fixture
def device(tmp_path, images):
    one = UsbDevice(tmp_path)
    one.begin("--usb-dfuse", "--init", images["v1"])
    yield one
    one.end()


def test_alternates_are_listed_as_memory(device):
    device.enter_dfu_mode()
    listed = device.dfu_util("-l")
    assert re.search(r'alt=0, name="@image_0 /0xc000/118\*4Ka"', listed), listed
    assert re.search(r'alt=1, name="@image_1 /0x82000/118\*4Kg"', listed), listed


def test_an_image_is_downloaded_to_its_address_and_runs_after_leaving(device, images):
    output = device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}:leave", "-D", images["v2"],
                             expect=RESET_ON_THE_WAY)
    assert "DfuSe" in output and "Transitioning to dfuMANIFEST state" in output, output
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (not confirmed)")
    assert "Swap type: test" in device.console()


def test_without_leaving_nobody_asks_for_the_image(device, images):
    device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}", "-D", images["v2"])
    size = images["v2"].stat().st_size
    assert device.bytes_at(SLOT_1, size) == images["v2"].read_bytes()
    device.stop()
    device.begin("--usb-dfuse")
    assert "Swap type: none" in device.console()
    assert "app: dfu 1.0.0+0 running" in device.console()


def test_an_image_may_be_downloaded_again_over_another_one(device, images):
    for _ in range(2):
        device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}", "-D", images["v1"])
        device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}", "-D", images["v2"])
    size = images["v2"].stat().st_size
    assert device.bytes_at(SLOT_1, size) == images["v2"].read_bytes()


def test_a_damaged_image_is_not_marked(device, images, tmp_path):
    bad = tmp_path / "bad.bin"
    content = bytearray(images["v2"].read_bytes())
    content[20000] ^= 1
    bad.write_bytes(content)
    device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}:leave", "-D", bad, expect=RESET_ON_THE_WAY)
    assert "Found DFU" in device.dfu_util("-l")  # it does not leave
    assert device.console().count("*** Booting") == 1
    device.stop()
    device.begin("--usb-dfuse")
    assert "Swap type: none" in device.console()


def test_memory_is_read_from_an_address(device, images, tmp_path):
    backup, part = tmp_path / "backup.bin", tmp_path / "part.bin"
    device.dfu_util("-a", 0, "-s", f"{SLOT_0:#x}:{SLOT_SIZE}", "-U", backup)
    assert backup.read_bytes() == device.bytes_at(SLOT_0, SLOT_SIZE)
    device.dfu_util("-a", 0, "-s", f"{SLOT_0 + 4096:#x}:5000", "-U", part)
    assert part.read_bytes() == device.bytes_at(SLOT_0 + 4096, 5000)


def test_slot_0_is_not_written(device, images):
    before = device.bytes_at(SLOT_0, SLOT_SIZE)
    output = device.dfu_util("-a", 0, "-s", f"{SLOT_0:#x}:force", "-D", images["v2"],
                             expect=range(1, 256))
    assert device.bytes_at(SLOT_0, SLOT_SIZE) == before, output


def test_another_address_is_refused(device, images):
    before = device.flash.read_bytes()
    output = device.dfu_util("-a", 1, "-s", "0x1000:force", "-D", images["v2"],
                             expect=range(1, 256))
    assert device.flash.read_bytes() == before, output


def test_mass_erase_empties_the_slot(device, images):
    device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}", "-D", images["v2"])
    device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}:mass-erase:force", "-D", images["v1"])
    size = images["v1"].stat().st_size
    assert device.bytes_at(SLOT_1, size) == images["v1"].read_bytes()
    rest = device.bytes_at(SLOT_1 + size, SLOT_SIZE - size)
    assert rest == b"\xff" * len(rest)


def test_a_too_large_image_is_refused(device, images, tmp_path):
    large = tmp_path / "large.bin"
    large.write_bytes(images["v2"].read_bytes() + b"\xff" * SLOT_SIZE)
    output = device.dfu_util("-a", 1, "-s", f"{SLOT_1:#x}:leave", "-D", large,
                             expect=range(1, 256))
    assert "Last page at" in output and "is not writeable" in output, output
    device.stop()
    device.begin("--usb-dfuse")
    assert "Swap type: none" in device.console()
