#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Flash and RAM of bootloaders, whole: with drivers, startup and crypto; a row per configuration, for
four cores; and of the application that serves SMP on the console.

usage: firmware_size.py BUILD_DIR [--gated]

The stack is what a start with an update uses, measured in QEMU by the lowest address that is written
to; boards that QEMU does not have show none.

--gated: only those that ports/mcu/size_gates.txt names. Exit code 1 if one has grown beyond its gate.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loaders import MACHINES, MODES, ROOT, SCHEMES, Loader, application, count_plugin

GATES = ROOT / "ports/mcu/size_gates.txt"
CORES = {"microbit": "Cortex-M0", "nrf52840dk": "Cortex-M4", "mps2-an505": "Cortex-M33",
         "riscv-virt": "RV32IMAC"}
AT_ONCE = 2
UPDATE_SIZE = 1024


def gates():
    """(board, configuration): the most bytes of flash, of static RAM, of stack (None: not run)."""
    found = {}
    for line in GATES.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            board, name, flash, ram, stack = words
            found[board, name] = (int(flash), int(ram), None if stack == "-" else int(stack))
    return found


def every_configuration():
    """Each mode with the cheapest check and with P-256, the other schemes with one mode, recovery."""
    names = [f"{mode}-{scheme}" for scheme in ("hash", "p256") for mode in MODES]
    names += [f"move-{scheme}" for scheme in SCHEMES if scheme not in ("hash", "p256")]
    names += ["move-p256-recovery", "move-p256m-recovery", "move-p256m-recovery-small",
              "move-p256-recovery-log", "app", "app-small"]
    # The DK's partitions have no scratch area.
    return [(board, name) for board in CORES for name in names
            if not (board == "nrf52840dk" and name.startswith("scratch"))]


def weigh(build, board, name, is_run):
    """Bytes of flash, of static RAM, and of stack (None: not run); prints them, too."""
    stack = None
    if name.startswith("app"):
        text, data, bss = application(build, board, name)
    else:
        loader = Loader(build, board, name)
        loader.make()
        text, data, bss = loader.sections()
        stack = loader.start(UPDATE_SIZE, True)[1] if is_run else None
    print(f"  {CORES.get(board, board):<11} {name:<26} {text:>6} {data:>5} {bss:>6} {stack or '-':>6}",
          flush=True)
    return text + data, data + bss, stack


def prepare(build):
    """What configurations share, before they are built at the same time."""
    count_plugin(build)
    for name in SCHEMES:
        Loader(build, "microbit", f"move-{name}").prepare()


def main(build, gated):
    limits = gates()
    rows = list(limits) if gated else every_configuration()
    print("firmware: bytes\n  core        configuration                text  data    bss  stack")
    prepare(build)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        weights = list(pool.map(
            lambda row: weigh(build, *row, limits[row][2] is not None if gated
                              else row[0] in MACHINES), rows))
    grown = [f"{board} {name}: {what} {is_now} > {was}"
             for (board, name), weight in zip(rows, weights)
             for what, is_now, was in zip(("flash", "RAM", "stack"), weight,
                                          limits.get((board, name), (None, None, None)))
             if was is not None and is_now is not None and is_now > was]
    for line in grown:
        print(f"beyond its gate in {GATES.relative_to(ROOT)}: {line}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), "--gated" in sys.argv[2:]))
