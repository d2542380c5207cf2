#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Flash and RAM of bootloaders, whole: with drivers, startup and crypto; a row per configuration.

usage: firmware_size.py BUILD_DIR [--gated]

--gated: only those that ports/mcu/size_gates.txt names, with the stack that a start with an update
uses, measured in QEMU by the lowest address that is written to. Exit code 1 if one has grown beyond
its gate.
"""

import sys
from pathlib import Path

from loaders import MODES, ROOT, SCHEMES, Loader

GATES = ROOT / "ports/mcu/size_gates.txt"
BOARDS = ("microbit", "mps2-an385")


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
    names = [f"{mode}-{scheme}" for scheme in SCHEMES for mode in MODES]
    names += ["move-p256-recovery", "move-p256-recovery-log"]
    return [(board, name) for board in BOARDS for name in names]


def weigh(build, board, name, runs):
    loader = Loader(build, board, name)
    loader.make()
    text, data, bss = loader.sections()
    stack = loader.start(1024, True)[1] if runs else None
    print(f"  {board:<11} {name:<24} {text:>6} {data:>5} {bss:>6} {stack or '-':>6}", flush=True)
    return text + data, data + bss, stack


def main(build, gated):
    limits = gates()
    grown = []
    print("bootloaders: bytes\n  board       configuration              text  data    bss  stack")
    for board, name in limits if gated else every_configuration():
        most = limits.get((board, name), (None, None, None))
        have = weigh(build, board, name, most[2] is not None)
        grown += [f"{board} {name}: {what} {is_now} > {was}" for what, is_now, was
                  in zip(("flash", "RAM", "stack"), have, most)
                  if was is not None and is_now is not None and is_now > was]
    for line in grown:
        print(f"beyond its gate in {GATES.relative_to(ROOT)}: {line}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), "--gated" in sys.argv[2:]))
