# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""A bootloader that waits for a download over USB: MCUboot's BOOT_USB_DFU_WAIT."""

import subprocess

import pytest

from usb_device import EX_IOERR, RESET_ON_THE_WAY, SLOT_1, UsbDevice
from virtual_device import make_image

WAITING = "I: Waiting for USB DFU"
ELAPSED = "I: USB DFU wait time elapsed"
TERMINATED = "I: USB DFU wait terminated"
SUPPORT = "This device supports USB DFU class"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=dfu\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=hello\n", size=50001),
    }


@pytest.fixture
def device(tmp_path):
    one = UsbDevice(tmp_path)
    yield one
    one.end()


def start(device, wait_ms, *options):
    device.usbip = device.start("--usbip", 0, "--usb-wait", wait_ms, *options)["usbip"]


def in_order(console, *lines):
    at = -1
    for line in lines:
        at = console.find(line, at + 1)
        assert at >= 0, f"'{line}' is missing or too early in:\n{console}"


def test_the_application_starts_when_nobody_comes(device, images):
    start(device, 300, "--init", images["v1"])
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, ELAPSED, "I: Starting bootloader",
             "app: dfu 1.0.0+0 running")
    assert "Found Runtime" in device.dfu_util("-l")


def test_a_download_in_the_window_is_swapped_in_at_once(device, images):
    start(device, 60000, "--init", images["v1"])
    device.wait_for(WAITING)
    listed = device.dfu_util("-l")
    assert 'alt=1, name="image_1"' in listed and "Runtime" not in listed
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, TERMINATED, "Swap type: test",
             "app: hello 2.0.0+0 running from slot 0 (not confirmed)")
    assert device.console().count("*** Booting") == 1  # nothing resets in between


def test_automatic_reboot_ends_the_window_too(device, images):
    start(device, 60000, "--init", images["v1"], "--usb-reboot", "--usb-permanent")
    device.wait_for(WAITING)
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"], expect=(0, EX_IOERR, 251))
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, TERMINATED, "Swap type: perm",
             "app: hello 2.0.0+0 running from slot 0 (confirmed)")


def test_a_host_may_end_the_window(device, images):
    start(device, 60000, "--init", images["v1"])
    device.wait_for(WAITING)
    device.dfu_util("-a", 1, "-e")
    device.wait_for(SUPPORT)
    assert "app: dfu 1.0.0+0 running" in device.console()


def test_without_a_limit_it_waits_until_somebody_comes(device, images):
    start(device, 0, "--init", images["v1"])
    device.wait_for(WAITING)
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, TERMINATED, "app: hello 2.0.0+0 running")


def test_a_refused_download_keeps_neither_window_nor_old_image(device, images, tmp_path):
    bad = tmp_path / "bad.bin"
    content = bytearray(images["v2"].read_bytes())
    content[20000] ^= 1
    bad.write_bytes(content)
    start(device, 4000, "--init", images["v1"])
    device.wait_for(WAITING)
    output = device.dfu_util("-a", 1, "-D", bad, expect=(0, EX_IOERR))
    assert "dfuERROR, status(7)" in output
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, ELAPSED, "Swap type: none", "app: dfu 1.0.0+0 running")


def test_a_host_that_vanishes_does_not_keep_the_device(device, images):
    start(device, 2000, "--init", images["v1"], "--real-time", "--usb-transfer-size", 512)
    device.wait_for(WAITING)
    download = subprocess.Popen(["dfu-util", "-a", "1", "-D", str(images["v2"])],
                                env=device.environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
    while device.bytes_at(SLOT_1, 4) == b"\xff" * 4:
        assert download.poll() is None
    download.kill()
    download.wait()
    device.wait_for(SUPPORT)
    in_order(device.console(), WAITING, ELAPSED, "Swap type: none", "app: dfu 1.0.0+0 running")


def test_an_interrupted_swap_is_finished_before_anybody_may_write(device, images):
    start(device, 60000, "--init", images["v1"], "--power-cut", 9)
    device.wait_for(WAITING)
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (not confirmed)")
    console = device.console()
    in_order(console, TERMINATED, "sim: power lost", "sim: power is back",
             "Starting swap using move algorithm", "app: hello")
    assert console.count(WAITING) == 1


def test_a_device_without_an_image_waits_and_then_offers_slot_0(device, images):
    start(device, 500)
    device.wait_for("sim: there is no image that may run")
    in_order(device.console(), WAITING, ELAPSED)
    assert "Done!" in device.dfu_util("-a", 0, "-R", "-D", images["v2"], expect=RESET_ON_THE_WAY)
    device.wait_for("app: hello 2.0.0+0 running from slot 0", timeout=30)


def test_waiting_needs_a_port(device, images):
    command = device.command("--usb-wait", 1000, "--hash-only")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "--usbip PORT" in done.stderr
