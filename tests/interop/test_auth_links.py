# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Roles over DTLS, where a peer is a session, and over the serial port of a USB device; together with
the lock that one way of updating at a time may have."""

import os
import subprocess

import pytest

from cdc_acm import CdcAcm
from roles import dfu, make_keys, ok, refused, role_options
from two_transports import Channel, Clock
from usb_device import SLOT_1, UsbDevice
from virtual_device import DFU

PSK = "field-7:000102030405060708090a0b0c0d0e0f\n"
LINKS = ["dtls", "usb"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_keys(tmp_path_factory.mktemp("keys"))


class Ways:
    """A device with roles that is reached over DTLS, USB, UDP and a configuration channel."""

    def __init__(self, folder, images, keys, *more):
        (folder / "psk.txt").write_text(PSK)
        self.device = UsbDevice(folder)
        ready = self.device.start("--init", images["v1"], *role_options(keys), "--dtls", 0,
                                  "--dtls-psk", folder / "psk.txt", "--usbip", 0,
                                  "--config-channel", 0, *more)
        self.ready = ready
        self.cdc = CdcAcm(self.device.address, ready["usbip"])
        self.dtls = f"dtls:{self.device.address}:{ready['dtls']},psk={folder / 'psk.txt'}"
        self.usb = self.cdc.where
        self.udp = f"udp:{self.device.address}"
        self.config = f"config:{self.device.address}:{ready['config_channel']}"

    def slot(self, image):
        return self.device.bytes_at(SLOT_1, image.stat().st_size)

    def close(self):
        self.cdc.close()
        assert self.device.stop() == 0
        assert "Sanitizer" not in self.device.console()


@pytest.fixture
def ways(tmp_path, images, keys):
    one = Ways(tmp_path, images, keys)
    yield one
    one.close()


# ---- Roles ----

@pytest.mark.parametrize("link", LINKS)
def test_each_command_takes_its_role(ways, images, keys, link):
    where = getattr(ways, link)
    assert "1.0.0" in ok(where, "image", "list")
    for key in (None, keys["stranger"], keys["observe"], keys["operate"]):
        refused(where, "image", "upload", images["v2"], key=key, why="higher role")
    refused(where, "settings", "write", "app/a", "1", key=keys["observe"], why="higher role")
    ok(where, "settings", "write", "app/a", "1", key=keys["operate"])
    ok(where, "image", "upload", images["v2"], key=keys["update"])
    assert ways.slot(images["v2"]) == images["v2"].read_bytes()


@pytest.mark.parametrize("link, other", [("dtls", "dtls"), ("dtls", "usb"), ("dtls", "udp"),
                                         ("usb", "dtls"), ("usb", "udp")])
def test_a_login_is_worth_nothing_to_another_peer(ways, keys, link, other):
    """Of another link, and over DTLS of another session, while it holds."""
    shell = subprocess.Popen([DFU, "-d", getattr(ways, link), "--auth-key", keys["update"],
                              "shell"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for _ in range(2):
        shell.stdin.write("version\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == "blinky 1.0.0+0\n"
        refused(getattr(ways, other), "image", "erase", why="higher role")
        refused(getattr(ways, other), "shell", "version", why="higher role")
    shell.stdin.close()
    assert shell.wait(timeout=20) == 0


def test_the_key_may_come_from_the_environment(ways, images, keys):
    env = dict(os.environ, DFU_AUTH_KEY=str(keys["update"]))
    assert "2.0.0+0 runs and is confirmed" in ok(ways.dtls, "upgrade", images["v2"], env=env)


# ---- Roles and the lock ----

@pytest.mark.parametrize("link", LINKS)
def test_who_has_no_role_does_not_get_the_lock(ways, images, link):
    """Its refusal keeps nobody away: the next one updates at once."""
    for words in (["image", "upload", images["v2"]], ["image", "erase"], ["reset"]):
        refused(getattr(ways, link), *words, why="higher role")
    ok(ways.config, "config", "upload", images["v2"])
    assert ways.slot(images["v2"]) == images["v2"].read_bytes()


@pytest.mark.parametrize("link", LINKS)
def test_who_has_the_role_has_the_lock_and_others_wait(ways, images, keys, link):
    ok(getattr(ways, link), "image", "upload", images["v2"], key=keys["update"])
    done = dfu(ways.config, "config", "upload", images["v1"])
    assert done.returncode == 1 and "another transport" in done.stderr, done.stderr
    assert ways.slot(images["v2"]) == images["v2"].read_bytes()


@pytest.mark.parametrize("link", LINKS)
def test_no_role_breaks_the_lock_of_another(tmp_path, images, keys, link):
    """The channel is in the middle of its upload, and the device's clock stands still."""
    ways = Ways(tmp_path, images, keys, "--clock", 0)
    clock = Clock(ways.ready["clock"])
    channel = Channel((ways.device.address, ways.ready["config_channel"]), clock)
    where = getattr(ways, link)
    channel.begin(images["v2"], 30, "--timeout", 60)
    before = ways.slot(images["v2"])
    assert "1.0.0" in ok(where, "image", "list")
    for words in (["image", "upload", images["v1"]], ["image", "erase"], ["reset"]):
        refused(where, *words, key=keys["update"], why="does not allow this")
    refused(where, "reset", why="higher role")
    assert ways.slot(images["v2"]) == before
    code, said = channel.go_on()
    assert code == 0, said
    assert ways.slot(images["v2"]) == images["v2"].read_bytes()
    channel.close()
    clock.close()
    ways.close()
