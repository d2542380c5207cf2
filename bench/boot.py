# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""What an upgrade and a revert cost the flash, in every mode, beside the least the mode can need.

`dfu explain` rehearses them with the bootloader itself on the board's flash model; the times are
the part's own (data sheet), without the processor's. Two pairs of images: all bytes different, and
one sector in ten different, as between two builds of one program. The least a mode can need is
that every sector that changes is erased, and written as far as the image goes, once in each slot
that changes: twice where images swap, once where they are overwritten, not at all where they run
from where they were sent to. A revert needs as much as the upgrade where images swap; where they
are not swapped it gives the slot of the image that failed back: all of it is erased, and nothing
written.

A single slot is written by recovery alone and the firmware loader's application by that loader, so
the bootloader has nothing to do there.

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
IN_PLACE = ["direct-xip", "direct-xip-revert", "ram-load", "ram-load-revert", "firmware-loader",
            "single"]
ONE_SLOT = ["firmware-loader", "single"]  # for applications
RAM = "0x20000000"  # of this part
SCRATCH_BOARD = "pinetime"  # the same part, with a scratch area of ten sectors
SECTOR = 4096
SLOT = 118 * SECTOR  # of the board
SIZES = [165, 182]  # KiB


def sign(folder, name, version, payload, *options):
    path, raw = folder / f"{name}.bin", folder / f"{name}.raw"
    raw.write_bytes(payload)
    done = run(DFU, "sign", "-v", version, "--board", BOARD, "-H", "512", "--pad-header", *options,
               raw, path)
    assert done.returncode == 0, done.stderr
    return path


def images(folder, kib, similar, *options):
    """Two images of so many KiB in all, TLVs included."""
    size = kib * 1024 - 512 - 40
    chance = random.Random(kib)
    old = bytearray(chance.randbytes(size))
    new = bytearray(old if similar else chance.randbytes(size))
    if similar:
        for off in range(SECTOR, size, 10 * SECTOR):
            new[off] ^= 1
    return (sign(folder, f"old{kib}{similar}", "1.0.0", bytes(old), *options),
            sign(folder, f"new{kib}{similar}", "1.0.1", bytes(new), *options))


def rehearse(board, mode, old, new, *options):
    running = [] if mode in ONE_SLOT else ["-r", old]  # there the new image is what runs
    done = run(DFU, "--json", "explain", new, *running, "-b", board, "-m", mode, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    told = {s["name"]: s["boots"] for s in json.loads(done.stdout)["scenarios"]}
    return told.get("test", told["as-is"])  # without a trial the newest runs, or the application


def cells(boot):
    return (f"{boot['erases']:7} {boot['bytes_written'] / 1024:8.1f} {boot['most_worn']:5} "
            f"{boot['flash_ms'] / 1000:7.1f}")


def least(mode, kib, similar):
    """Erases, and KiB written."""
    sectors = math.ceil(kib * 1024 / SECTOR)
    beyond = sectors * SECTOR / 1024 - kib  # of the last sector: nothing is written there
    if similar:  # the first holds the version, the last the hash
        sectors = len({0, sectors - 1, *range(1, sectors, 10)})
    slots = 0 if mode in IN_PLACE else 1 if mode.startswith("overwrite") else 2
    return sectors * slots, slots * (sectors * SECTOR / 1024 - beyond)


def least_back(mode, kib, similar, slot):
    """The same for a revert."""
    return least(mode, kib, similar) if mode not in IN_PLACE else (math.ceil(slot / SECTOR), 0)


def row(folder, mode, kib, similar, skips):
    board = SCRATCH_BOARD if mode == "swap-scratch" else BOARD
    load = ["-L", RAM] if mode.startswith("ram-load") else []
    old, new = images(folder, kib, similar, *load)
    boots = rehearse(board, mode, old, new, *(["--skip-equal"] if skips else []))
    floor = least(mode, kib, similar)
    goes_back = len(boots) > 1 and boots[1]["version"] == "1.0.0+0"
    back = "    none, this mode keeps none"
    if goes_back:
        need = least_back(mode, kib, similar, SLOT)
        back = f"{cells(boots[1])} {need[0]:6} {need[1]:8.1f}"
    print(f"{mode:17} {kib:4} {'similar' if similar else 'different':9} "
          f"{'skip' if skips else 'all':4} {cells(boots[0])} {floor[0]:6} {floor[1]:8.1f}   {back}")


def main():
    print(__doc__.split("\n\n", maxsplit=1)[0])
    print(f"{'':36} {'upgrade':>28} {'least':>17}   {'revert':>28} "
          f"{'least':>17}")
    head = f"{'erases':>7} {'KiB':>8} {'worst':>5} {'s':>7}"
    print(f"{'mode':17} {'KiB':>4} {'images':9} {'':4} {head} {'erases':>6} {'KiB':>8}   {head} "
          f"{'erases':>6} {'KiB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for kib in SIZES:
            for mode in [MODES[0], "swap-scratch", *MODES[1:]]:
                for similar in (False, True):
                    for skips in (False, True) if similar else (False,):
                        row(Path(folder), mode, kib, similar, skips)
            for mode in IN_PLACE:
                row(Path(folder), mode, kib, False, False)


if __name__ == "__main__":
    main()
