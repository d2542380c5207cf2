# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What is for microcontrollers compiles for one, and what was promised small stays small."""

import os
import re
import subprocess
from pathlib import Path

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BUILD = Path(os.environ["DFU_BINARY_DIR"])


STACK_MAX = 1536  # of the SMP server with any group, without what the application is called for


def test_every_folder_for_a_microcontroller_is_measured_and_the_usb_class_fits_two_kib():
    done = subprocess.run(["bash", "tools/dev/size.sh", str(BUILD)], cwd=SOURCE, text=True,
                          capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    small = done.stdout[done.stdout.index("Cortex-M0"):]
    for folder in ("base", "flash", "image", "boot", "update", "smp", "recovery", "usb"):
        assert re.search(rf"^  src/{folder} +\d", small, re.M), done.stdout
    assert int(re.search(r"USB DFU class alone, Cortex-M0: (\d+) bytes", small).group(1)) <= 2048
    server = small[small.index("SMP server, Cortex-M0"):]
    rows = re.findall(r"^  (\w+) +(\d+) +(\d+) +(\d+)$", server, re.M)
    groups = len(list((SOURCE / "src" / "smp").glob("group_*.c")))
    assert len(rows) == 1 + groups, server
    for name, code, stack, _ in rows:
        assert int(code) > 0 and 0 < int(stack) <= STACK_MAX, name
