#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""How much of a Bluetooth link an upload fills: client, service and server in virtual time over a
simulated link (tests/unit/test_ble_link.c says by which arithmetic). The same on every machine."""

import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = [ROOT / "tests" / "support" / f"{name}.c" for name in ("nor", "img_world", "smp_peer",
                                                                   "hex")]


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "link"
        subprocess.run(["cc", "-O2", "-w", "-I", ROOT / "include", "-I", ROOT / "src",
                        "-I", ROOT / "tests" / "support", "-o", program,
                        ROOT / "tests" / "unit" / "test_ble_link.c", *SUPPORT,
                        ROOT / "build" / "libdfukit.a", "-lcmocka", "-lcrypto", "-lgcrypt",
                        "-llzma"], check=True)
        done = subprocess.run([program], text=True, capture_output=True, check=False)
    print("An upload of 448 KiB over a simulated Bluetooth link, 4 buffers of 3 KiB:")
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("|")))
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


if __name__ == "__main__":
    main()
