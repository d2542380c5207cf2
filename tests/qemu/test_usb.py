# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""USB DFU into an application on an emulated board: built and signed by one command with a key of its
own, brought to another application by the real dfu-util, behind the real bootloader. The board has no USB
controller; ports/mps2/usb_line.c stands in for one."""

import struct

import pytest

from parts import (BANNER, BOARD, DFU, SLOT0, SLOT1, SLOT_SIZE, Board, Device, built, flash_with, kept,
                   own_key, run)
from usb_host import UsbHost

SUPPORT = "<inf> main: This device supports USB DFU class."
HELLO = f"Hello World! {BOARD}"
RESET_ON_THE_WAY = (0, 74, 251)  # dfu-util 0.11 where the device comes back as another one


class Firmware:
    """Three builds with one key: the DFU application, the same hands-free, and another one."""

    def __init__(self):
        self.key = own_key(kept("usb"))
        self.plain = self.build("usb", "-DEXTRA_CONF_FILE=overlay_usb_dfu.conf")
        self.hands_free = self.build(
            "usb-hands-free",
            "-DEXTRA_CONF_FILE=overlay_usb_dfu.conf;overlay_permanent_download.conf")
        self.hello = self.build("usb-hello", "-DAPP=hello") / "app.signed.bin"

    def build(self, name, *options):
        return built(kept(name), f"-DSB_CONFIG_BOOT_SIGNATURE_KEY_FILE={self.key}", *options)


@pytest.fixture(scope="module", name="firmware")
def fixture_firmware():
    return Firmware()


@pytest.fixture(name="plug")
def fixture_plug(tmp_path):
    """plug(FOLDER): the machine that runs that firmware, and its USB host."""
    opened = []

    def plug(folder):
        host = UsbHost(tmp_path)
        opened.append(host)
        flash = flash_with((folder / "app.signed.bin").read_bytes())
        machine = Board(tmp_path, folder, flash, *host.options)
        opened.append(machine)
        machine.wait_for(SUPPORT)
        assert host.is_attached.wait(60)
        return machine, host

    yield plug
    for one in reversed(opened):
        if isinstance(one, Board):
            assert one.guest_errors() == []
            one.__exit__()
        else:
            one.close()


def test_every_image_is_signed_with_the_named_key(firmware):
    for image in (firmware.plain / "app.signed.bin", firmware.hello):
        run(DFU, "verify", "-k", firmware.key, image)


def test_an_application_is_linked_behind_its_header(firmware):
    """Both lie in slot 0: the vector tables, which follow the headers, point into it."""
    for image in (firmware.plain / "app.signed.bin", firmware.hello):
        size, = struct.unpack_from("<H", image.read_bytes(), 8)
        start, = struct.unpack_from("<I", image.read_bytes(), size + 4)
        assert SLOT0 + size < start - Board.STORES[0][0] < SLOT0 + SLOT_SIZE


def test_dfu_util_backs_up_and_updates_and_it_reverts(tmp_path, firmware, plug):
    machine, host = plug(firmware.plain)
    backup = tmp_path / "backup.bin"
    host.dfu_util("-a", 0, "-U", backup)
    assert backup.read_bytes() == machine.flash()[SLOT0:SLOT0 + SLOT_SIZE]
    assert "Done!" in host.dfu_util("-a", 1, "-D", firmware.hello)
    hello = firmware.hello.read_bytes()
    assert machine.flash()[SLOT1:SLOT1 + len(hello)] == hello
    machine.qmp.ask("system_reset")
    machine.wait_for(HELLO)
    assert "Swap type: test" in machine.console()
    machine.qmp.ask("system_reset")
    machine.wait_for(SUPPORT, 2)
    assert "Swap type: revert" in machine.console()


def test_hands_free_it_restarts_by_itself_and_stays(firmware, plug):
    machine, host = plug(firmware.hands_free)
    host.dfu_util("-a", 1, "-D", firmware.hello, exit_codes=RESET_ON_THE_WAY)
    machine.wait_for(HELLO)
    assert "Swap type: perm" in machine.console()
    machine.qmp.ask("system_reset")
    machine.wait_for(HELLO, 2)
    assert BANNER not in machine.console().split(HELLO)[1]


@pytest.mark.parametrize("at", [0x300, -3])
def test_an_image_that_is_not_as_it_was_signed_is_never_marked(tmp_path, firmware, plug, at):
    content = bytearray(firmware.hello.read_bytes())
    content[at] ^= 1
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(content)
    machine, host = plug(firmware.hands_free)
    assert "status(7)" in host.dfu_util("-a", 1, "-D", damaged, exit_codes=(0, 74))
    machine.qmp.ask("system_reset")
    machine.wait_for(SUPPORT, 2)
    assert "Swap type: none" in machine.console().split(SUPPORT)[1]


def enter_dfu_mode(host):
    assert host.control(struct.pack("<BBHHH", 0x21, 0, 1000, 0, 0)) == (0, b"")
    while True:  # off the bus, then there again
        state = host.dfu_util("-l")
        if "Found DFU" in state:
            return


def test_smp_waits_while_a_download_is_open(tmp_path, firmware, plug):
    machine, host = plug(firmware.plain)
    enter_dfu_mode(host)
    block = firmware.hello.read_bytes()[:1024]
    assert host.control(struct.pack("<BBHHH", 0x01, 11, 1, 0, 0))[0] == 0
    assert host.control(struct.pack("<BBHHH", 0x21, 1, 0, 0, len(block)), block)[0] == 0
    device = Device(machine)
    device.dfu("image", "upload", firmware.hello, exit_code=1)
    assert device.versions() == {0: "1.0.0"}  # a look is no update
