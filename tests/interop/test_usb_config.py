# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""USB DFU (the real dfu-util) and the configuration channel (dfu config) want the same slot. One of
them owns the update, the other is refused in its own protocol's way and changes nothing. The
device's clock goes on only while a Ticker runs."""

import json
import signal
import subprocess
import threading
import time

import pytest

from two_transports import BUFFER, PIECE, Channel, Clock
from usb_device import EX_IOERR, SLOT_1, UsbDevice
from virtual_device import make_image

SILENCE_MS = 5000
BUSY = "busy: another transport (SMP or USB) owns the update of this device"
REPORTS_A_BUFFER = -(-BUFFER // PIECE)


class Ticker:
    """While it is entered, the device's time passes like everybody's."""

    def __init__(self, clock):
        self.clock, self.is_over = clock, threading.Event()

    def run(self):
        last = time.monotonic()
        while not self.is_over.wait(0.005):
            now = time.monotonic()
            ms = int((now - last) * 1000)
            last += ms / 1000
            self.clock.let_pass(ms)

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join(timeout=10)


class Both:
    def __init__(self, folder, images):
        self.device = UsbDevice(folder)
        ready = self.device.start("--init", images["v1"], "--usbip", 0, "--config-channel", 0,
                                  "--clock", 0, "--usb-transfer-size", 256)
        self.device.usbip = ready["usbip"]
        self.clock = Clock(ready["clock"])
        self.channel = Channel((self.device.address, ready["config_channel"]), self.clock)
        with self.time():
            self.device.enter_dfu_mode()

    def time(self):
        return Ticker(self.clock)

    def slot(self, image):
        return self.device.bytes_at(SLOT_1, image.stat().st_size)

    def start_download(self, image):
        return subprocess.Popen(["dfu-util", "-a", "1", "-D", str(image)], text=True,
                                env=self.device.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def close(self):
        self.channel.close()
        self.clock.close()
        assert self.device.stop() == 0
        assert "Sanitizer" not in self.device.console()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {
        "v1": make_image(folder / "v1.bin", "1.0.0", "name=first\n"),
        "usb": make_image(folder / "usb.bin", "2.0.0", "name=usb\n", size=200000),
        "channel": make_image(folder / "channel.bin", "3.0.0", "name=channel\n", size=3000),
    }


@pytest.fixture
def both(tmp_path, images):
    one = Both(tmp_path, images)
    yield one
    one.close()


def begin_download(both, image):
    """One that is stopped as soon as it has written something."""
    with both.time():
        download = both.start_download(image)
        deadline = time.monotonic() + 30
        while both.device.bytes_at(SLOT_1, 4) == b"\xff" * 4:
            assert time.monotonic() < deadline and download.poll() is None
        download.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # for what is on its way
    assert both.slot(image) != image.read_bytes()
    return download


def test_the_channel_is_refused_during_a_download_over_usb(both, images):
    download = begin_download(both, images["usb"])
    before = both.slot(images["usb"])
    for words in (["config", "upload", images["channel"]], ["config", "reboot"]):
        refused = both.channel.run("-q", *words)
        assert (refused.returncode, BUSY in refused.stderr) == (1, True), refused
    assert both.slot(images["usb"]) == before
    told = both.channel.run("config", "fwinfo")
    assert "firmware    1.0.0+0" in told.stdout and "over another transport" in told.stdout
    with both.time():
        download.send_signal(signal.SIGCONT)
        assert "Done!" in download.communicate(timeout=60)[0]
    assert both.slot(images["usb"]) == images["usb"].read_bytes()


@pytest.mark.parametrize("reports", [0, 1, REPORTS_A_BUFFER, 3 * REPORTS_A_BUFFER + 7])
def test_usb_is_refused_during_an_upload_over_the_channel(both, images, reports):
    both.channel.begin(images["channel"], reports)
    before = both.slot(images["usb"])
    assert "status(11)" in both.device.dfu_util("-a", 1, "-D", images["usb"], expect=(EX_IOERR,))
    assert both.slot(images["usb"]) == before
    code, said = both.channel.go_on()
    assert code == 0, said
    assert both.slot(images["channel"]) == images["channel"].read_bytes()


def test_after_silence_usb_takes_over_and_the_channel_has_lost_its_progress(both, images):
    both.channel.begin(images["channel"], 2 * REPORTS_A_BUFFER)
    both.clock.let_pass(SILENCE_MS)
    with both.time():
        assert "Done!" in both.device.dfu_util("-a", 1, "-D", images["usb"])
    code, said = both.channel.go_on()  # its host knows nothing yet
    assert code == 1 and "the device ended the update" in said, said
    assert both.slot(images["usb"]) == images["usb"].read_bytes()
    done = both.channel.run("--json", "-q", "config", "upload", images["channel"])
    assert (done.returncode, json.loads(done.stdout)["resumed_at"]) == (0, 0), done
    assert both.slot(images["channel"]) == images["channel"].read_bytes()


def test_after_silence_the_channel_takes_over_and_usb_begins_again(both, images):
    download = begin_download(both, images["usb"])
    download.kill()
    download.communicate()
    both.clock.let_pass(SILENCE_MS)
    assert both.channel.upload(images["channel"]).returncode == 0
    assert both.slot(images["channel"]) == images["channel"].read_bytes()
    both.clock.let_pass(SILENCE_MS)
    with both.time():
        assert "Done!" in both.device.dfu_util("-a", 1, "-D", images["usb"])
    assert both.slot(images["usb"]) == images["usb"].read_bytes()
