#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""How much of a Bluetooth link an upload fills: client, service and server in virtual time over a
simulated link (tests/unit/test_ble_link.c says by which arithmetic). The same on every machine.

Then uploads by dfu and by smpmgr in turn, through the real BlueZ, on one pair of virtual controllers
in a QEMU guest, to one `dfu sim --ble`. Such a link has no air: what takes time is the processor,
emulated. So the seconds are this machine's, and the ratio is what counts.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DFU_SOURCE_DIR", str(ROOT))
os.environ.setdefault("DFU_BOARDS_DIR", str(ROOT / "build" / "boards"))
sys.path.insert(0, str(ROOT / "tests" / "guest"))

import ble_guest  # noqa: E402

SIZE = 128 * 1024
SUPPORT = [ROOT / "tests" / "support" / f"{name}.c" for name in ("nor", "img_world", "smp_peer",
                                                                   "hex")]


def simulated():
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


def beside_smpmgr():
    images = {"v1": ("1.0.0", 40000), "v2": ("2.0.0", SIZE), "v3": ("3.0.0", SIZE)}
    with tempfile.TemporaryDirectory() as folder:
        told = ble_guest.tell(Path(folder), "ble_bench.sh", images,
                              **ble_guest.peers("smpmgr_story.py", "ble_rates.py"))
    found = re.findall(r"RATE (\w+) ([\d.]+) ([\d.]+)", told)
    print(f"An upload of {SIZE} bytes on a pair of virtual controllers, medians of rounds in turn:")
    print("| | upload | goodput | whole command |")
    print("|---|--:|--:|--:|")
    goodput = {}
    for name in ("dfu", "smpmgr"):
        whole, upload = (statistics.median(float(row[column]) for row in found if row[0] == name)
                         for column in (1, 2))
        goodput[name] = SIZE / upload / 1000
        print(f"| {name} | {upload:.2f} s | {goodput[name]:.1f} kB/s | {whole:.2f} s |")
    print(f"dfu beside smpmgr: {goodput['dfu'] / goodput['smpmgr']:.1f} times its goodput")


def main():
    simulated()
    print()
    beside_smpmgr()


if __name__ == "__main__":
    main()
