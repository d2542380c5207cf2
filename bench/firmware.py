# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Instructions that the real bootloader executes on an emulated Cortex-M0 (microbit): exact counts
of QEMU's, from reset to the first one of the application.

A start with an update verifies the new image before and after it moves, so what a sector costs is
the difference between updates of two sizes, less twice that between plain starts of both. Overwriting
copies the whole slot, whatever the image's size."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "dev"))
from loaders import ROOT, SCHEMES, Loader, partitions  # pylint: disable=wrong-import-position

BOARD, SIZE, SMALL, SECTOR = "microbit", 64 * 1024, 32 * 1024, 1024
SWAPS = ("move", "offset", "scratch")


def loader(name):
    one = Loader(ROOT / "build", BOARD, name)
    one.make()
    return one


def main():
    print(f"firmware: instructions on a Cortex-M0 from reset to jump, image of {SIZE // 1024} KiB")
    for scheme in SCHEMES:
        count, stack = loader(f"overwrite-{scheme}").start(SIZE, False)
        print(f"  {scheme:<10} {count:>12}   stack {stack} bytes", flush=True)
    print(f"firmware: the same per sector of {SECTOR} bytes that an update moves")
    for mode in SWAPS:
        one = loader(f"{mode}-hash")
        plain = one.start(SIZE, False)[0] - one.start(SMALL, False)[0]
        update = one.start(SIZE, True)[0] - one.start(SMALL, True)[0]
        print(f"  {mode:<10} {(update - 2 * plain) * SECTOR // (SIZE - SMALL):>12}", flush=True)
    one = loader("overwrite-hash")
    moved = partitions(one.build, BOARD)["slot0_partition_size"]
    copying = one.start(SMALL, True)[0] - 2 * one.start(SMALL, False)[0]
    print(f"  {'overwrite':<10} {copying * SECTOR // moved:>12}", flush=True)


if __name__ == "__main__":
    main()
