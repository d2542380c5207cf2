# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu usb`: the host's side of USB DFU, over USB/IP without a kernel module, and through libusb
(its stand-in of tests/usb/)."""

import json
import os
import time

import pytest

from virtual_device import DFU, SLOT_SIZE, Device, make_image, run

STAND_IN = os.path.join(os.environ["DFU_BINARY_DIR"], "tests", "stand_in")
SLOT_0, SLOT_1 = 0xC000, 0xC000 + SLOT_SIZE


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {"v1": make_image(folder / "v1.bin", "1.0.0", "name=dfu\n"),
            "v2": make_image(folder / "v2.bin", "2.0.0", "name=hello\n", size=50001)}


class UsbDevice(Device):
    way = "usbip"

    def begin(self, *options):
        self.usbip = self.start("--usbip", 0, *options)["usbip"]
        self.wait_for("app:")

    def dfu(self, *words, expect=0):
        """`dfu usb WORDS`; all it says."""
        where = ["-d", f"usbip:{self.address}:{self.usbip}"] if self.way == "usbip" else []
        # The stand-in is built without sanitizers, which want to be first.
        environment = dict(os.environ, ASAN_OPTIONS="verify_asan_link_order=0")
        if self.way == "libusb":
            environment.update(LD_LIBRARY_PATH=STAND_IN,
                               STAND_IN_USBIP=f"{self.address}:{self.usbip}")
        done = run(DFU, *where, "usb", *words, env=environment)
        output = done.stdout + done.stderr
        assert done.returncode == expect, f"exit code {done.returncode}\n{output}"
        return output

    def list(self):
        return json.loads(self.dfu("list", "--json"))


@pytest.fixture(params=["usbip", "libusb"])
def device(tmp_path, request):
    one = UsbDevice(tmp_path)
    one.way = request.param
    yield one
    code = one.stop()
    assert code in (None, 0), f"exit code {code}:\n{one.console()}"
    assert "Sanitizer" not in one.console()


def test_detach_goes_to_dfu_mode_and_back(device, images):
    device.begin("--init", images["v1"], "--usb-serial", "S7")
    before = device.list()
    assert [(one["serial"], one["mode"], one["alts"]) for one in before] == [
        ("S7", "run-time", ["DFU"])]
    device.dfu("detach")
    assert device.list()[0]["mode"] == "dfu"
    assert device.list()[0]["alts"] == ["image_0", "image_1"]
    assert "the application runs" in device.dfu("detach", "--serial", "S7")
    assert device.list()[0]["mode"] == "run-time"
    assert "no USB DFU device with the serial number S8" in device.dfu("detach", "--serial", "S8",
                                                                       expect=3)


def test_slots_are_read_and_written(device, images, tmp_path):
    device.begin("--init", images["v1"])
    # What cannot be kept is not read: the device is still in its application.
    device.dfu("upload", "-a", "image_0", tmp_path / "no" / "where", expect=2)
    assert device.list()[0]["mode"] == "run-time"
    device.dfu("upload", "-a", "image_0", tmp_path / "backup")
    flash = device.flash.read_bytes()
    assert (tmp_path / "backup").read_bytes() == flash[SLOT_0:SLOT_0 + SLOT_SIZE]
    device.dfu("download", "--alt", 1, "--reset", images["v2"])
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (not confirmed)")


def test_automatic_reboot_is_no_failure(device, images):
    device.begin("--init", images["v1"], "--usb-reboot", "--usb-permanent")
    device.dfu("download", "--alt", 1, images["v2"])
    device.wait_for("app: hello 2.0.0+0 running from slot 0 (confirmed)")


def test_a_device_without_will_detach_is_reset(device, images):
    device.begin("--init", images["v1"], "--usb-no-will-detach")
    device.dfu("download", "--alt", 1, images["v2"])


def test_a_refusal_is_told_in_the_devices_own_words(device, images, tmp_path):
    bad = tmp_path / "bad"
    content = bytearray(images["v2"].read_bytes())
    content[9000] ^= 1
    bad.write_bytes(content)
    device.begin("--init", images["v1"])
    assert "hash does not match (errVERIFY)" in device.dfu("download", "-a", 1, bad, expect=1)
    assert "read only (errWRITE)" in device.dfu("download", "-a", 0, bad, expect=1)
    bad.write_bytes(b"no image at all, but longer than a header")
    assert "(errFILE)" in device.dfu("download", "-a", 1, bad, expect=1)
    device.dfu("download", "-a", 1, images["v2"])


def test_a_suffix_is_checked_and_not_sent(device, images, tmp_path):
    file = tmp_path / "fw.dfu"
    file.write_bytes(images["v2"].read_bytes())
    assert run(DFU, "suffix", "add", "-v", "1234", file).returncode == 0
    device.begin("--init", images["v1"])
    assert "vendor 1234" in device.dfu("download", "-a", 1, file, expect=1)
    assert device.list()[0]["mode"] == "run-time"  # and was left alone
    assert run(DFU, "suffix", "delete", file).returncode == 0
    assert run(DFU, "suffix", "add", "-v", "2fe3", "-p", "5678", file).returncode == 0
    assert "product 5678" in device.dfu("download", "-a", 1, file, expect=1)
    assert run(DFU, "suffix", "delete", file).returncode == 0
    assert run(DFU, "suffix", "add", "-v", "2fe3", file).returncode == 0
    done = json.loads(device.dfu("download", "-a", 1, file, "--json"))
    assert done == {"bytes": images["v2"].stat().st_size, "memory": "image_1"}
    size = images["v2"].stat().st_size
    assert device.flash.read_bytes()[SLOT_1:SLOT_1 + size] == images["v2"].read_bytes()


def test_a_refusal_says_what_to_do(device, images):
    device.begin("--init", images["v1"])
    payload = images["v2"].with_suffix(".payload")
    assert "(errFILE); check the file with dfu verify" in device.dfu("download", "-a", 1, payload,
                                                                     expect=1)
    assert "(errWRITE); choose another memory with --alt" in device.dfu(
        "download", "-a", 0, images["v2"], expect=1)


def test_wrong_words_are_usage(device, images):
    device.begin("--init", images["v1"])
    assert "is empty; name the file to write" in device.dfu("download", "-a", 1, "/dev/null",
                                                            expect=2)
    assert "choose one with --alt" in device.dfu("download", images["v2"], expect=2)
    assert "no alternate setting" in device.dfu("download", "-a", "nothing", images["v2"],
                                                expect=2)


def test_no_server_and_no_target():
    done = run(DFU, "-d", "usbip:127.0.0.1:1", "usb", "list")
    assert done.returncode == 3 and "Connection refused" in done.stderr
    done = run(DFU, "-d", "udp:host", "usb", "list")
    assert done.returncode == 2 and "no USB target" in done.stderr


def test_without_libusb_only_this_machines_usb_is_missing(tmp_path):
    """A file in its place that is no library: it is loaded when it is needed, and not before."""
    (tmp_path / "libusb-1.0.so.0").write_text("no library")
    environment = dict(os.environ, LD_LIBRARY_PATH=str(tmp_path))
    assert run(DFU, "version", env=environment).returncode == 0
    done = run(DFU, "-d", "usbip:127.0.0.1:1", "usb", "list", env=environment)
    assert done.returncode == 3 and "Connection refused" in done.stderr
    done = run(DFU, "usb", "list", env=environment)
    assert done.returncode == 3 and "install the package libusb-1.0-0" in done.stderr


def test_a_device_that_vanishes_is_lost(tmp_path, images):
    device = UsbDevice(tmp_path)
    device.begin("--init", images["v1"])
    device.dfu("detach")
    device.kill()
    time.sleep(0.1)
    device.dfu("download", "-a", 1, images["v2"], expect=3)
