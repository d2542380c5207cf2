# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What the tests on the emulated micro:bit share: its firmware, images, and flash contents."""

import os
import subprocess
from pathlib import Path

DFU = os.environ["DFU"]
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
FIRMWARE = Path(os.environ["DFU_BINARY_DIR"]) / "firmware" / "microbit"
SMPMGR = SOURCE / "build/venv/bin/smpmgr"
KEY = SOURCE / "ports/mcu/development-key.pem"
SLOT0, SLOT1, SLOT_SIZE, STORAGE = 0xC000, 0x24000, 0x18000, 0x3D000
BANNER = "*** dfukit application"
RECOVERY = "Enter the serial recovery mode"


def run(*args, exit_code=0):
    result = subprocess.run([str(arg) for arg in args], capture_output=True, text=True, timeout=120,
                            check=False)
    assert result.returncode == exit_code, (args, result.stdout, result.stderr)
    return result.stdout


def signed(folder, version, *options):
    """The application as another version; its program is the same, its header is not."""
    image = folder / f"app-{version}{'-'.join(('', *options))}.bin"
    run(DFU, "sign", "-k", KEY, "-v", version, "--board", "microbit", "-H", "0x200", "--pad-header",
        *options, FIRMWARE / "app.bin", image)
    return image


def flash_with(slot0=b"", slot1=b"", firmware=FIRMWARE):
    """Flash as a factory leaves it."""
    boot = (firmware / "boot.bin").read_bytes().ljust(SLOT0, b"\xff")
    return (boot + slot0.ljust(SLOT_SIZE, b"\xff")) + slot1.ljust(SLOT_SIZE, b"\xff")
