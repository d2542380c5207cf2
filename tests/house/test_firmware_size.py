# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Bootloaders stay within what ports/mcu/size_gates.txt allows them, in flash, RAM and stack."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BUILD = Path(os.environ["DFU_BINARY_DIR"])


def test_no_bootloader_grows_beyond_its_gate():
    done = subprocess.run([sys.executable, "tools/dev/firmware_size.py", str(BUILD), "--gated"],
                          cwd=SOURCE, text=True, capture_output=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
