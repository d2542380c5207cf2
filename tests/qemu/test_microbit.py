# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The bootloader and an application on a Cortex-M0, as QEMU's micro:bit emulates it: the real
program, the real flash controller's rules, and clients on the console."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from machine import Microbit

DFU = os.environ["DFU"]
FIRMWARE = Path(os.environ["DFU_BINARY_DIR"]) / "firmware" / "microbit"
SMPMGR = Path(os.environ["DFU_SOURCE_DIR"]) / "build/venv/bin/smpmgr"
KEY = Path(os.environ["DFU_SOURCE_DIR"]) / "ports/mcu/development-key.pem"
SLOT0, SLOT1, SLOT_SIZE = 0xC000, 0x24000, 0x18000


def run(*args, exit_code=0):
    result = subprocess.run([str(arg) for arg in args], capture_output=True, text=True, timeout=120,
                            check=False)
    assert result.returncode == exit_code, (args, result.stdout, result.stderr)
    return result.stdout


def signed(folder, version):
    """The application as another version; its program is the same, its header is not."""
    image = folder / f"app-{version}.bin"
    run(DFU, "sign", "-k", KEY, "-v", version, "--board", "microbit", "-H", "0x200", "--pad-header",
        FIRMWARE / "app.bin", image)
    return image


def with_application(image):
    """Flash as a factory leaves it."""
    boot = (FIRMWARE / "boot.bin").read_bytes().ljust(SLOT0, b"\xff")
    return boot + image.read_bytes()


class Device:
    """dfu on the machine's console."""

    def __init__(self, machine):
        self.machine = machine
        self.target = f"serial:{machine.console_port}"

    def dfu(self, *args, exit_code=0):
        return run(DFU, "-d", self.target, *args, exit_code=exit_code)

    def images(self):
        slots = json.loads(self.dfu("image", "list", "--json"))["images"]
        return {slot["slot"]: slot for slot in slots}

    def versions(self):
        return {slot: image["version"] for slot, image in self.images().items()}


@pytest.fixture(name="one")
def fixture_one(tmp_path):
    return signed(tmp_path, "1.0.0")


@pytest.fixture(name="two")
def fixture_two(tmp_path):
    return signed(tmp_path, "2.0.0")


def test_a_bootloader_alone_takes_its_first_image_over_the_console(tmp_path, one):
    with Microbit(tmp_path, (FIRMWARE / "boot.bin").read_bytes()) as machine:
        machine.wait_for("Enter the serial recovery mode")
        device = Device(machine)
        assert device.images() == {}
        device.dfu("image", "upload", one)
        device.dfu("reset")
        machine.wait_for("*** dfukit application")
        assert device.versions() == {0: "1.0.0"}
        flash = machine.flash()
        assert flash[SLOT0:SLOT0 + len(one.read_bytes())] == one.read_bytes()
        assert machine.guest_errors() == []


def test_smpmgr_brings_a_first_image_too(tmp_path, one):
    with Microbit(tmp_path, (FIRMWARE / "boot.bin").read_bytes()) as machine:
        machine.wait_for("Enter the serial recovery mode")
        run(SMPMGR, "--port", machine.console_port, "--timeout", "10", "image", "upload", one)
        run(SMPMGR, "--port", machine.console_port, "--timeout", "10", "os", "reset")
        machine.wait_for("*** dfukit application")


def test_what_is_not_signed_by_the_key_is_not_run(tmp_path, one):
    damaged = bytearray(one.read_bytes())
    damaged[0x300] ^= 1
    flash = (FIRMWARE / "boot.bin").read_bytes().ljust(SLOT0, b"\xff") + bytes(damaged)
    with Microbit(tmp_path, flash) as machine:
        machine.wait_for("Enter the serial recovery mode")
        assert "Image in the primary slot is not valid!" in machine.console()
        assert "dfukit application" not in machine.console()


def test_an_update_is_tested_and_comes_back_when_nobody_confirms_it(tmp_path, one, two):
    with Microbit(tmp_path, with_application(one)) as machine:
        machine.wait_for("*** dfukit application")
        device = Device(machine)
        device.dfu("image", "upload", two)
        device.dfu("image", "test", two)
        device.dfu("reset")
        machine.wait_for("*** dfukit application", 2)
        assert "Swap type: test" in machine.console()
        assert device.versions() == {0: "2.0.0", 1: "1.0.0"}
        machine.qmp.ask("system_reset")
        machine.wait_for("*** dfukit application", 3)
        assert "Swap type: revert" in machine.console()
        assert device.versions() == {0: "1.0.0", 1: "2.0.0"}
        assert machine.guest_errors() == []


def test_an_upgrade_in_one_command_stays(tmp_path, one, two):
    with Microbit(tmp_path, with_application(one)) as machine:
        machine.wait_for("*** dfukit application")
        device = Device(machine)
        device.dfu("upgrade", two)
        machine.qmp.ask("system_reset")
        machine.wait_for("*** dfukit application", 3)
        assert device.versions() == {0: "2.0.0", 1: "1.0.0"}
        assert device.images()[0]["confirmed"]
        assert machine.guest_errors() == []


def test_the_application_asks_for_recovery(tmp_path, one):
    with Microbit(tmp_path, with_application(one)) as machine:
        machine.wait_for("*** dfukit application")
        device = Device(machine)
        device.dfu("reset", "--recovery")
        machine.wait_for("Enter the serial recovery mode")
        device.dfu("reset")
        machine.wait_for("*** dfukit application", 2)
