# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What the tests on an emulated board share: the board that DFU_BOARD names, its firmware, images,
and flash contents. Offsets count from the start of its flash."""

import json
import os
import subprocess
from pathlib import Path

from machine import MACHINES

DFU = os.environ["DFU"]
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BINARY = Path(os.environ["DFU_BINARY_DIR"])
BOARD = os.environ["DFU_BOARD"]
FIRMWARE = BINARY / "firmware" / BOARD
HASH_ONLY = FIRMWARE.with_name(f"{BOARD}-hash-only")
SMPMGR = SOURCE / "build/venv/bin/smpmgr"
KEY = SOURCE / "ports/mcu/development-key.pem"
BANNER = "*** dfukit application"
RECOVERY = "Enter the serial recovery mode"

Board = MACHINES[BOARD]


def partitions():
    """What the board file says, by the tool that tells linkers."""
    answer = run(BINARY / "dfu_board_table", "--cmake", BOARD)
    return {name: int(value, 16) for name, value in
            (line[len("set("):-1].split() for line in answer.splitlines())}


def run(*args, exit_code=0, timeout=120, **more):
    result = subprocess.run([str(arg) for arg in args], capture_output=True, text=True,
                            timeout=timeout, check=False, env={**os.environ, **more})
    assert result.returncode == exit_code, (args, result.stdout, result.stderr)
    return result.stdout


FLASH = Board.STORES[0][0]
TABLE = partitions()
SLOT_SIZE = TABLE["slot0_partition_size"]
SLOT0, SLOT1, STORAGE = (TABLE[f"{name}_partition_base"] - FLASH
                         for name in ("slot0", "slot1", "storage"))


def signed(folder, version, *options, program=FIRMWARE / "app.bin"):
    """The application as another version; its program is the same, its header is not."""
    image = folder / f"app-{version}{'-'.join(('', *options))}.bin"
    run(DFU, "sign", "-k", KEY, "-v", version, "--board", BOARD, "-H", "0x200", "--pad-header",
        *options, program, image)
    return image


def built(folder, *options, board=BOARD, **more):
    """The folder of a firmware with these options; `more` are variables of the environment."""
    run("bash", SOURCE / "tools/dev/firmware.sh", BINARY, board, "-B", folder, *options,
        timeout=600, **more)
    return folder


def kept(name):
    """A folder to build in that the next run finds, so that it compiles nothing again; of the options
    of an earlier run none is left."""
    folder = FIRMWARE.with_name(f"{BOARD}-{name}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CMakeCache.txt").unlink(missing_ok=True)
    return folder


def own_key(folder):
    """No development key."""
    key = folder / "own.pem"
    if not key.exists():
        run(DFU, "keygen", "-k", key, "-t", "ecdsa-p256")
    return key


def flash_with(slot0=b"", slot1=b""):
    """Flash as a factory leaves it, the bootloader aside."""
    flash = b"\xff" * SLOT0 + slot0.ljust(SLOT_SIZE, b"\xff") + slot1.ljust(SLOT_SIZE, b"\xff")
    return flash.ljust(Board.FLASH_SIZE, b"\xff")


class Device:
    """dfu on a machine's console."""

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

    def upgrade_and_stay(self, two):
        """From 1.0.0, started once, to 2.0.0 in one command; after another start it still runs."""
        self.dfu("upgrade", two)
        self.machine.qmp.ask("system_reset")
        self.machine.wait_for(BANNER, 3)
        assert self.versions() == {0: "2.0.0", 1: "1.0.0"}
        assert self.images()[0]["confirmed"]
        assert self.machine.guest_errors() == []

    def exceptions(self):
        """How many SysTick exceptions the application has served: its one task's run time."""
        return json.loads(self.dfu("taskstat", "--json"))["tasks"][0]["runtime"]
