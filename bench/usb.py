#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""USB DFU: how long a download and an upload take, beside what cannot be beaten.

The virtual device runs in real time: its flash takes as long as the part of its board. The floors
are the flash's own time for the bytes (erase and program by the data sheet), and what endpoint 0
carries at full speed: at most 19 packets of 64 bytes a millisecond, and for each block a
GETSTATUS or two.
"""

import math
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from virtual_device import DFU, SLOT_SIZE, Device, make_image, run  # noqa: E402

SIZE = 200_000
SECTOR, ERASE_S = 4096, 0.085  # nRF52840
WORD, PROGRAM_S = 4, 41e-6
PACKETS_A_MS, PACKET = 19, 64


def flash_time(size):
    return math.ceil(size / SECTOR) * ERASE_S + ERASE_S + math.ceil(size / WORD) * PROGRAM_S


def bus_time(size, block, statuses):
    """Setup, data and status packets of every block and of the GETSTATUS requests after it."""
    blocks = math.ceil(size / block)
    packets = blocks * (math.ceil(block / PACKET) + 2 + statuses * 3)
    return packets / PACKETS_A_MS / 1000


def timed(*command):
    began = time.monotonic()
    done = run(DFU, "-q", *command)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def measure(folder, block, real_time):
    device = Device(folder)
    image = make_image(folder / "image.bin", "1.0.0", "name=dfu\n")
    big = make_image(folder / "big.bin", "2.0.0", "name=big\n", size=SIZE)
    options = ["--real-time"] if real_time else []
    port = device.start("--usbip", 0, "--usb-transfer-size", block, "--init", image,
                        *options)["usbip"]
    where = ["-d", f"usbip:{device.address}:{port}", "usb"]
    try:
        timed(*where, "detach")
        up = timed(*where, "upload", "-a", "0", folder / "slot")
        (folder / "slot").unlink()
        down = timed(*where, "download", "-a", "1", big)
    finally:
        device.stop()
    return down, up, big.stat().st_size


def main():
    print("USB DFU, `dfu usb` over USB/IP to a virtual nRF52840")
    print(f"{'block':>6} {'flash':>10} {'download':>10} {'floor: flash':>13} {'floor: EP0':>11} "
          f"{'upload':>8} {'floor: EP0':>11}")
    for block in (512, 1024, 4096):
        for real_time in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                down, up, size = measure(Path(folder), block, real_time)
            flash = flash_time(size) if real_time else 0
            print(f"{block:>6} {'real time' if real_time else 'instant':>10} {down:>8.2f} s "
                  f"{flash:>11.2f} s {bus_time(size, block, 2):>9.2f} s {up:>6.2f} s "
                  f"{bus_time(SLOT_SIZE, block, 0):>9.2f} s")


if __name__ == "__main__":
    main()
