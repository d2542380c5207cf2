# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The bootloader and an application on an emulated board: the real programs, the rules of its
flash, and clients on the console."""

import pytest

from parts import (BANNER, FIRMWARE, RECOVERY, SLOT0, SMPMGR, Board, Device, flash_with, run, signed)


@pytest.fixture(name="one")
def fixture_one(tmp_path):
    return signed(tmp_path, "1.0.0")


@pytest.fixture(name="two")
def fixture_two(tmp_path):
    return signed(tmp_path, "2.0.0")


def test_a_bootloader_alone_takes_its_first_image_over_the_console(tmp_path, one):
    with Board(tmp_path, FIRMWARE, flash_with()) as machine:
        machine.wait_for(RECOVERY)
        device = Device(machine)
        assert device.images() == {}
        device.dfu("image", "upload", one)
        device.dfu("reset")
        machine.wait_for(BANNER)
        assert device.versions() == {0: "1.0.0"}
        flash = machine.flash()
        assert flash[SLOT0:SLOT0 + len(one.read_bytes())] == one.read_bytes()
        assert machine.guest_errors() == []


def test_smpmgr_brings_a_first_image_too(tmp_path, one):
    with Board(tmp_path, FIRMWARE, flash_with()) as machine:
        machine.wait_for(RECOVERY)
        run(SMPMGR, "--port", machine.console_port, "--timeout", "10", "image", "upload", one)
        run(SMPMGR, "--port", machine.console_port, "--timeout", "10", "os", "reset")
        machine.wait_for(BANNER)


def test_what_is_not_signed_by_the_key_is_not_run(tmp_path, one):
    damaged = bytearray(one.read_bytes())
    damaged[0x300] ^= 1
    with Board(tmp_path, FIRMWARE, flash_with(bytes(damaged))) as machine:
        machine.wait_for(RECOVERY)
        assert "Image in the primary slot is not valid!" in machine.console()
        assert BANNER not in machine.console()


def test_an_update_is_tested_and_comes_back_when_nobody_confirms_it(tmp_path, one, two):
    with Board(tmp_path, FIRMWARE, flash_with(one.read_bytes())) as machine:
        machine.wait_for(BANNER)
        device = Device(machine)
        device.dfu("image", "upload", two)
        device.dfu("image", "test", two)
        device.dfu("reset")
        machine.wait_for(BANNER, 2)
        assert "Swap type: test" in machine.console()
        assert device.versions() == {0: "2.0.0", 1: "1.0.0"}
        machine.qmp.ask("system_reset")
        machine.wait_for(BANNER, 3)
        assert "Swap type: revert" in machine.console()
        assert device.versions() == {0: "1.0.0", 1: "2.0.0"}
        assert machine.guest_errors() == []


def test_an_upgrade_in_one_command_stays(tmp_path, one, two):
    with Board(tmp_path, FIRMWARE, flash_with(one.read_bytes())) as machine:
        machine.wait_for(BANNER)
        Device(machine).upgrade_and_stay(two)


def test_the_application_serves_interrupts(tmp_path, one):
    with Board(tmp_path, FIRMWARE, flash_with(one.read_bytes())) as machine:
        machine.wait_for(BANNER)
        device = Device(machine)
        before = device.exceptions()
        machine.wait_until(lambda: device.exceptions() > before)
        assert machine.console().count(BANNER) == 1


def test_the_application_asks_for_recovery(tmp_path, one):
    with Board(tmp_path, FIRMWARE, flash_with(one.read_bytes())) as machine:
        machine.wait_for(BANNER)
        device = Device(machine)
        device.dfu("reset", "--recovery")
        machine.wait_for(RECOVERY)
        device.dfu("reset")
        machine.wait_for(BANNER, 2)
