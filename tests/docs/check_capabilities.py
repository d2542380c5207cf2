#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""docs/CAPABILITIES.md: ids 1 to 156 once each, known states, and every test it names exists.

usage: check_capabilities.py ROOT
"""

import re
import sys
from pathlib import Path

IDS = range(1, 157)
STATES = {"planned", "partly", "done"}
COLUMNS = 4
# Boards whose firmware is built and not run.
BUILT_ONLY = re.compile(r"^set\(boards_(?:serial|ble|usb) ([^)]*)\)", re.M)
# A name that starts no ctest test by folder: registered one by one in tests/CMakeLists.txt.
SINGLE_TEST = re.compile(r"^\s*dfu_test\(([a-z][\w-]*) ", re.M)


def rows(text):
    """(line number, [id, capability, shown by, state]) of each table row that starts with a number."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0].isdigit():
            yield number, cells


def ctest_names(root):
    """The tests by folder and file, as tests/CMakeLists.txt names them."""
    tests = root / "tests"
    for folder in ("unit", "power", "conformance"):
        for path in tests.glob(f"{folder}/test_*.c"):
            yield f"{folder}-{path.stem.removeprefix('test_')}"
    for folder in ("interop", "house", "guest"):
        for path in tests.glob(f"{folder}/test_*.py"):
            yield f"{folder}-{path.stem.removeprefix('test_')}"
    listed = (tests / "CMakeLists.txt").read_text(encoding="utf-8")
    yield from SINGLE_TEST.findall(listed)
    for boards in BUILT_ONLY.findall(listed):
        yield from (f"firmware-builds-{board}" for board in boards.split())


def test_functions(root):
    """Functions of test files, in C (static void NAME(void **state)) and in Python (def test_...)."""
    for path in (root / "tests").glob("*/test_*.c"):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"^(?:static )?void (\w+)\(void \*\*\w+\)", text, flags=re.M)
    for path in (root / "tests").glob("*/test_*.py"):
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"),
                               flags=re.M):
            yield name
            yield f"{path.relative_to(root)}::{name}"
            yield f"{path.name}::{name}"


def dev_commands(root):
    return set(re.findall(r"^#: (\w+)", (root / "dev").read_text(encoding="utf-8"), flags=re.M))


def exists(name, names, commands):
    if name.startswith("./dev "):
        words = name.split()
        # ./dev test NAME... must name tests that exist, too.
        if words[1] == "test" and len(words) > 2:
            special = {"lint", "fuzz", "power", "swap-vectors"}
            return words[2] in special or any(words[2] in known for known in names)
        return words[1] in commands
    return name in names


def check(root):
    names = set(ctest_names(root)) | set(test_functions(root))
    commands = dev_commands(root)
    seen = []
    for line, cells in rows((root / "docs/CAPABILITIES.md").read_text(encoding="utf-8")):
        if len(cells) != COLUMNS:
            yield line, f"{len(cells)} columns instead of {COLUMNS}"
            continue
        number, _, shown_by, state = cells
        seen.append(int(number))
        shown = re.findall(r"`([^`]+)`", shown_by)
        if state not in STATES:
            yield line, f"row {number}: no state '{state}'"
        if state == "done" and not shown:
            yield line, f"row {number} is done, but names nothing that shows it"
        for name in shown:
            if not exists(name, names, commands):
                yield line, f"row {number}: there is no test `{name}`"
    for number in IDS:
        if seen.count(number) != 1:
            yield 0, f"row {number} is there {seen.count(number)} times"
    for number in set(seen) - set(IDS):
        yield 0, f"row {number} is not one of {IDS[0]} to {IDS[-1]}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    findings = list(check(Path(sys.argv[1])))
    for line, message in findings:
        print(f"docs/CAPABILITIES.md:{line}: {message}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
