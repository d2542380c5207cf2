# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What an emulated board's flash holds after an update is what the simulator's holds: the same
board file, images and commands."""

import os
import subprocess
import time

import pytest

from parts import (BANNER, BOARD, DFU, FIRMWARE, KEY, RECOVERY, SLOT0, SMPMGR, STORAGE, Board,
                   flash_with, run, signed)

JUMP = "Jumping to the first image slot"


class Emulated:
    """The board in QEMU."""

    def __init__(self, folder, flash):
        self.machine = Board(folder, FIRMWARE, flash)
        self.starts = 0

    def has_started(self, text=BANNER):
        self.starts += text == BANNER
        self.machine.wait_for(text, max(self.starts, 1))

    @property
    def port(self):
        return self.machine.console_port

    def reset(self):
        self.machine.qmp.ask("system_reset")

    def flash(self):
        return self.machine.flash()

    def stop(self):
        assert self.machine.guest_errors() == []
        self.machine.__exit__()


class Simulated:
    """The virtual device, told to be that board."""

    def __init__(self, folder, flash):
        self.folder, self.path = folder, folder / "simulated.bin"
        self.path.write_bytes(flash + b"\xff" * Board.OTHER_DEVICES)
        self.console = folder / "simulated.log"
        self.console.write_bytes(b"")
        self.starts = 0
        self.process = self.start()

    def start(self):
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with open(self.console, "ab") as log:
            process = subprocess.Popen([DFU, "sim", "-b", BOARD, "-f", self.path, "-k", KEY,
                                        "--recovery", "--serial", self.folder / "tty",
                                        "--ready-file", ready], stdout=log)
        while not ready.exists():
            assert process.poll() is None, "the virtual device did not start"
            time.sleep(0.01)
        return process

    def has_started(self, text=JUMP):
        self.starts += text == JUMP
        deadline = time.monotonic() + 60
        while self.console.read_text().count(text) < max(self.starts, 1):
            assert time.monotonic() < deadline, self.console.read_text()
            time.sleep(0.01)

    @property
    def port(self):
        return os.readlink(self.folder / "tty")

    def reset(self):
        self.stop()
        self.process = self.start()

    def flash(self):
        return self.path.read_bytes()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def dfu(world, *args):
    run(DFU, "-d", f"serial:{world.port}", *args)


def first_image(world, two):
    """By serial recovery; a story yields wherever flash is to be compared."""
    world.has_started(RECOVERY)
    dfu(world, "image", "upload", two)
    yield


def first_image_by_smpmgr(world, two):
    world.has_started(RECOVERY)
    run(SMPMGR, "--port", world.port, "--timeout", "10", "image", "upload", two)
    yield


def upgrade(world, two):
    """In one command."""
    world.has_started()
    dfu(world, "upgrade", two)
    world.has_started()
    yield


def updates(world, two):
    """A trial that nobody confirms, then one that somebody does."""
    world.has_started()
    dfu(world, "image", "upload", two)
    yield
    for is_confirmed in (False, True):
        dfu(world, "image", "test", two)
        dfu(world, "reset")
        world.has_started()
        yield
        if is_confirmed:
            dfu(world, "image", "confirm")
        world.reset()
        world.has_started()
        yield


@pytest.mark.parametrize("story", [first_image, first_image_by_smpmgr, upgrade, updates])
def test_flash_is_the_simulators(tmp_path, story):
    one, two = (signed(tmp_path, version) for version in ("1.0.0", "2.0.0"))
    flash = flash_with(b"" if "first" in story.__name__ else one.read_bytes())
    dumps = {Emulated: [flash[SLOT0:STORAGE]], Simulated: [flash[SLOT0:STORAGE]]}
    for kind, seen in dumps.items():
        world = kind(tmp_path, flash)
        try:
            for _ in story(world, two):
                seen.append(world.flash()[SLOT0:STORAGE])
                assert seen[-1] != seen[-2]
        finally:
            world.stop()
    assert dumps[Emulated] == dumps[Simulated]
