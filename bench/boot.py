# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What an upgrade and a revert cost the flash, in every mode that moves images.

`dfu explain` rehearses them with the bootloader itself on the board's flash model; the times are
the part's own (data sheet), without the processor's. Two pairs of images: all bytes different, and
one sector in ten different, as between two builds of one program. The least a mode can need is
that every sector that changes is erased and written once in each slot that changes: twice where
images swap, once where they are overwritten.

Published, of MCUboot on an nRF5340 (page erase and word write times as an nRF52840's): 165 KiB by
move 18 s, 182 KiB by offset 13 s.
"""

import json
import math
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from virtual_device import DFU, run  # noqa: E402

BOARD = "nrf52840dk"
MODES = ["move", "swap-offset", "overwrite", "overwrite-fast"]  # this board
SCRATCH_BOARD = "pinetime"  # the same part, with a scratch area of ten sectors
SECTOR = 4096
SIZES = [165, 182]  # KiB


def sign(folder, name, version, payload):
    path, raw = folder / f"{name}.bin", folder / f"{name}.raw"
    raw.write_bytes(payload)
    done = run(DFU, "sign", "-v", version, "--board", BOARD, "-H", "512", "--pad-header", raw, path)
    assert done.returncode == 0, done.stderr
    return path


def images(folder, kib, similar):
    """Two images of so many KiB in all, TLVs included."""
    size = kib * 1024 - 512 - 40
    chance = random.Random(kib)
    old = bytearray(chance.randbytes(size))
    new = bytearray(old if similar else chance.randbytes(size))
    if similar:
        for off in range(SECTOR, size, 10 * SECTOR):
            new[off] ^= 1
    return (sign(folder, f"old{kib}{similar}", "1.0.0", bytes(old)),
            sign(folder, f"new{kib}{similar}", "1.0.1", bytes(new)))


def rehearse(board, mode, old, new, *options):
    done = run(DFU, "--json", "explain", new, "-r", old, "-b", board, "-m", mode, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    return next(s for s in told["scenarios"] if s["name"] == "test")["boots"]


def cells(boot):
    return (f"{boot['erases']:7} {boot['bytes_written'] / 1024:8.1f} {boot['most_worn']:5} "
            f"{boot['flash_ms'] / 1000:7.1f}")


def least(mode, kib, similar):
    """Erases, and KiB written."""
    sectors = math.ceil(kib * 1024 / SECTOR)
    if similar:  # the first holds the version, the last the hash
        sectors = len({0, sectors - 1, *range(1, sectors, 10)})
    slots = 1 if mode.startswith("overwrite") else 2
    return sectors * slots, sectors * slots * SECTOR / 1024


def row(folder, mode, kib, similar, skips):
    board = SCRATCH_BOARD if mode == "swap-scratch" else BOARD
    old, new = images(folder, kib, similar)
    boots = rehearse(board, mode, old, new, *(["--skip-equal"] if skips else []))
    floor = least(mode, kib, similar)
    back = cells(boots[1]) if "revert" in boots[1]["swap"] else "    none, this mode keeps none"
    print(f"{mode:14} {kib:4} {'similar' if similar else 'different':9} "
          f"{'skip' if skips else 'all':4} {cells(boots[0])} {floor[0]:6} {floor[1]:8.1f}   {back}")


def main():
    print(__doc__.split("\n\n", maxsplit=1)[0])
    print(f"{'':33} {'upgrade':>28} {'least':>17}   {'revert':>24}")
    head = f"{'erases':>7} {'KiB':>8} {'worst':>5} {'s':>7}"
    print(f"{'mode':14} {'KiB':>4} {'images':9} {'':4} {head} {'erases':>6} {'KiB':>8}   {head}")
    with tempfile.TemporaryDirectory() as folder:
        for kib in SIZES:
            for mode in [MODES[0], "swap-scratch", *MODES[1:]]:
                for similar in (False, True):
                    for skips in (False, True) if similar else (False,):
                        row(Path(folder), mode, kib, similar, skips)


if __name__ == "__main__":
    main()
