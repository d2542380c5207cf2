# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The real dfu-util against the virtual device, over a stand-in for libusb (tests/usb/): what a
host without USB can show. `./dev test guest` runs the same with a real Linux USB stack."""

import re
import subprocess
import time

import pytest

from usb_device import EX_IOERR, EX_USAGE, RESET_ON_THE_WAY, SLOT_0, SLOT_1, UsbDevice
from virtual_device import DFU, SLOT_SIZE, make_image, run


SUPPORT = "This device supports USB DFU class"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=dfu\n"),
        "v2": make_image(folder / "v2.bin", "2.0.0", "name=hello\n", size=50001),
        "crash": make_image(folder / "crash.bin", "3.0.0", "name=bad\nstart=crash\n"),
    }


@pytest.fixture
def device(tmp_path):
    one = UsbDevice(tmp_path)
    yield one
    one.end()


def test_both_personalities_are_listed(device, images):
    device.begin("--init", images["v1"], "--usb-serial", "XYZ42")
    listed = device.dfu_util("-l")
    assert ('Found Runtime: [2fe3:0100] ver=0100, devnum=1, cfg=1, intf=2, path="1-1", alt=0, '
            'name="DFU", serial="XYZ42"') in listed
    device.enter_dfu_mode()
    listed = device.dfu_util("-l")
    for alt in (0, 1):
        assert (f'Found DFU: [2fe3:ffff] ver=0100, devnum=1, cfg=1, intf=0, path="1-1", alt={alt}, '
                f'name="image_{alt}", serial="XYZ42"') in listed


def test_alternate_0_uploads_slot_0(device, images, tmp_path):
    device.begin("--init", images["v1"])
    backup = tmp_path / "backup.bin"
    device.dfu_util("-a", 0, "-U", backup)
    assert backup.read_bytes() == device.bytes_at(SLOT_0, SLOT_SIZE)
    assert backup.read_bytes().startswith(images["v1"].read_bytes())


def test_the_whole_story_of_the_sample(device, images, tmp_path):
    """Back up, download, reset, swap, run, reset without confirmation, revert."""
    device.begin("--init", images["v1"])
    device.dfu_util("-a", 0, "-U", tmp_path / "backup.bin")
    output = device.dfu_util("-a", 1, "-D", images["v2"])
    assert "DFU state(2) = dfuIDLE, status(0)" in output and "Done!" in output
    size = images["v2"].stat().st_size
    assert device.bytes_at(SLOT_1, size) == images["v2"].read_bytes()
    device.stop()

    device.begin()
    console = device.console()
    assert ("I: Secondary image: magic=good, swap_type=0x2, copy_done=0x3, image_ok=0x3"
            in console)
    assert "Swap type: test" in console
    assert "app: hello 2.0.0+0 running from slot 0 (not confirmed)" in console
    device.stop()

    device.begin()
    console = device.console()
    assert "I: Primary image: magic=good, swap_type=0x2, copy_done=0x1, image_ok=0x3" in console
    assert ("I: Secondary image: magic=unset, swap_type=0x1, copy_done=0x3, image_ok=0x3"
            in console)
    assert "Swap type: revert" in console
    assert "app: dfu 1.0.0+0 running from slot 0" in console


def test_alternates_are_found_by_name_and_devices_by_serial(device, images):
    device.begin("--init", images["v1"], "--usb-serial", "ONE")
    device.dfu_util("-S", "ONE", "-a", "image_1", "-D", images["v2"])
    assert device.bytes_at(SLOT_1, 1000) == images["v2"].read_bytes()[:1000]
    device.dfu_util("-S", "ANOTHER", "-a", 1, "-D", images["v2"], expect=(EX_IOERR,))
    device.dfu_util("-a", "image_7", "-D", images["v2"], expect=(EX_IOERR,))


def test_reset_afterwards_starts_the_new_image(device, images):
    device.begin("--init", images["v1"])
    output = device.dfu_util("-a", 1, "-R", "-D", images["v2"], expect=RESET_ON_THE_WAY)
    assert "Done!" in output
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (not confirmed)")
    assert "Found Runtime" in device.dfu_util("-l")


def test_detach_in_dfu_mode_returns_to_the_application(device, images):
    device.begin("--init", images["v1"])
    device.enter_dfu_mode()
    device.dfu_util("-a", 1, "-e")
    device.wait_for("This device supports USB DFU class", count=2)
    assert "Found Runtime" in device.dfu_util("-l")


def test_a_device_that_waits_for_the_hosts_reset(device, images):
    device.begin("--init", images["v1"], "--usb-no-will-detach")
    output = device.dfu_util("-a", 1, "-D", images["v2"])
    assert "Resetting USB" in output and "Done!" in output


def test_automatic_reboot_and_permanent_download(device, images):
    device.begin("--init", images["v1"], "--usb-reboot", "--usb-permanent")
    output = device.dfu_util("-a", 1, "-D", images["v2"], expect=RESET_ON_THE_WAY)
    assert "Done!" in output
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (confirmed)")
    assert "Swap type: perm" in device.console()
    assert "kept without a test" in device.console()  # said at start
    device.stop()
    device.begin()
    assert "kept without a test" not in device.console()
    assert "app: hello 2.0.0+0 running from slot 0 (confirmed)" in device.console()


def test_a_permanent_download_of_a_bad_image_changes_nothing(device, images, tmp_path):
    bad = tmp_path / "bad.bin"
    content = bytearray(images["v2"].read_bytes())
    content[20000] ^= 1
    bad.write_bytes(content)
    device.begin("--init", images["v1"], "--usb-reboot", "--usb-permanent")
    output = device.dfu_util("-a", 1, "-D", bad, expect=(0, EX_IOERR))
    assert "state(10) = dfuERROR, status(7)" in output
    device.stop()
    device.begin()
    assert "Swap type: none" in device.console()
    assert "app: dfu 1.0.0+0 running" in device.console()


@pytest.mark.parametrize("spoil, status", [
    (lambda image: b"\x00" + image[1:], "status(2)"),
    (lambda image: image[:-30], "status(9)"),
    (lambda image: image + b"\xff" * SLOT_SIZE, "status(8)"),
    (lambda image: image[:12] + b"\xff\xff\xff\x7f" + image[16:], "status(8)"),
], ids=["no-image", "cut-short", "longer-than-the-slot", "larger-than-the-slot"])
def test_what_is_no_image_for_this_slot_is_refused(device, images, tmp_path, spoil, status):
    bad = tmp_path / "bad.bin"
    bad.write_bytes(spoil(images["v2"].read_bytes()))
    device.begin("--init", images["v1"])
    output = device.dfu_util("-a", 1, "-D", bad, expect=(0, EX_IOERR))
    assert f"dfuERROR, {status}" in output
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])  # and goes on after it


def test_slot_0_is_not_written(device, images):
    device.begin("--init", images["v1"])
    before = device.bytes_at(SLOT_0, SLOT_SIZE)
    output = device.dfu_util("-a", 0, "-D", images["v2"], expect=(EX_IOERR,))
    assert "status(3)" in output
    assert device.bytes_at(SLOT_0, SLOT_SIZE) == before


def test_upload_can_be_switched_off(device, images, tmp_path):
    device.begin("--init", images["v1"], "--usb-no-upload")
    device.enter_dfu_mode()
    device.dfu_util("-a", 0, "-U", tmp_path / "x", expect=range(1, 256))
    assert not (tmp_path / "x").exists() or not (tmp_path / "x").read_bytes()


def test_a_suffix_for_another_device_is_refused_and_a_right_one_is_not_sent(device, images,
                                                                            tmp_path):
    file = tmp_path / "fw.dfu"
    device.begin("--init", images["v1"])
    file.write_bytes(images["v2"].read_bytes())
    assert run("dfu-suffix", "-v", "1234", "-p", "5678", "-a", file).returncode == 0
    output = device.dfu_util("-a", 1, "-D", file, expect=(EX_IOERR,))
    assert "No DFU capable USB device available" in output
    output = device.dfu_util("-d", "2fe3:0100,2fe3:ffff", "-a", 1, "-D", file,
                             expect=(EX_USAGE,))
    assert "does not match" in output
    assert run("dfu-suffix", "-D", file).returncode == 0
    assert run("dfu-suffix", "-v", "2fe3", "-p", "0100", "-a", file).returncode == 0
    assert "Done!" in device.dfu_util("-a", 1, "-D", file)
    size = images["v2"].stat().st_size
    assert device.bytes_at(SLOT_1, size) == images["v2"].read_bytes()


@pytest.mark.parametrize("size", [64, 1000, 2048])
def test_transfer_sizes(device, images, tmp_path, size):
    device.begin("--init", images["v1"], "--usb-transfer-size", size)
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])
    device.dfu_util("-a", 1, "-U", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == device.bytes_at(SLOT_1, SLOT_SIZE)


def test_a_device_that_vanishes_in_the_middle_boots_its_old_image(device, images):
    device.begin("--init", images["v1"], "--real-time", "--usb-transfer-size", 1024)
    device.enter_dfu_mode()
    download = subprocess.Popen(["dfu-util", "-a", "1", "-D", str(images["v2"])],
                                env=device.environment(), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    time.sleep(0.6)
    device.kill()
    output, _ = download.communicate(timeout=20)
    assert download.returncode == EX_IOERR, output
    assert "Done!" not in output
    device.begin()
    assert "Swap type: none" in device.console()
    assert "app: dfu 1.0.0+0 running" in device.console()
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])


def test_the_device_keeps_the_host_waiting_as_long_as_its_flash_takes(device, images):
    """50 KiB are 13 sectors of 85 ms, and 41 us for every 4 bytes: 1.6 s at least."""
    device.begin("--init", images["v1"], "--real-time")
    device.enter_dfu_mode()
    began = time.monotonic()
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])
    assert time.monotonic() - began > 1.6


def test_without_a_bootable_image_the_bootloader_offers_dfu(device, images):
    device.usbip = device.start("--usbip", 0)["usbip"]
    assert re.search(r"Found DFU: .* alt=1, name=\"image_1\"", device.dfu_util("-l"))
    output = device.dfu_util("-a", 0, "-R", "-D", images["v2"], expect=RESET_ON_THE_WAY)
    assert "Done!" in output
    device.wait_for("app: hello 2.0.0+0 running from slot 0")


def test_further_images_have_further_alternates(device, images, tmp_path):
    """Slots in the order of their numbers; alternate 3 is the update of the second image."""
    net = [make_image(tmp_path / f"net{v}.bin", f"{v}.0.0", "name=net\n") for v in (1, 2)]
    device.begin("--init", images["v1"], "--init", net[0], board="two-images")
    device.enter_dfu_mode()
    listed = device.dfu_util("-l")
    assert [n for n in range(5) if f'alt={n}, name="image_{n}"' in listed] == [0, 1, 2, 3]
    assert "status(3)" in device.dfu_util("-a", 2, "-D", net[1], expect=(EX_IOERR,))
    assert "Done!" in device.dfu_util("-a", 3, "-R", "-D", net[1], expect=RESET_ON_THE_WAY)
    device.wait_for(SUPPORT, count=2)
    console = device.console()
    assert "I: Image index: 0, Swap type: none" in console
    assert "I: Image index: 1, Swap type: test" in console
    assert device.bytes_at(0xA7000, 20000) == net[1].read_bytes()[:20000]


def test_usb_and_smp_do_not_write_at_the_same_time(device, images):
    """Whoever comes second is refused, and may once the first has been silent for 5 s."""
    device.begin("--init", images["v1"])
    where = ["-d", f"udp:{device.address}:1337"]
    device.enter_dfu_mode()
    assert run(DFU, *where, "image", "upload", images["v2"]).returncode == 0
    output = device.dfu_util("-a", 1, "-D", images["v2"], expect=(EX_IOERR,))
    assert "status(11)" in output
    assert run(DFU, *where, "image", "list").returncode == 0
    time.sleep(5.5)
    assert "Done!" in device.dfu_util("-a", 1, "-D", images["v2"])


def test_smp_is_refused_during_a_download_over_usb(device, images):
    device.begin("--init", images["v1"], "--real-time", "--usb-transfer-size", 256)
    where = ["-d", f"udp:{device.address}:1337"]
    device.enter_dfu_mode()
    download = subprocess.Popen(["dfu-util", "-a", "1", "-D", str(images["v2"])],
                                env=device.environment(), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 20
    while device.bytes_at(SLOT_1, 4) == b"\xff" * 4:
        assert time.monotonic() < deadline
    assert run(DFU, *where, "image", "list").returncode == 0  # looking is free
    for words in (["image", "erase"], ["reset"]):
        refused = run(DFU, *where, *words)
        assert refused.returncode == 1, refused.stdout + refused.stderr
    output, _ = download.communicate(timeout=60)
    assert "Done!" in output
