#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Run clang-tidy over src/, ports/ and tools/, all cores at once, remembering clean files.

usage: tidy.py BUILD_DIR

A file that was clean is not looked at again until what the compiler sees of it, or .clang-tidy,
changes (the memory is BUILD_DIR/tidy/).
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ("src", "ports", "tools")
TIDY = "clang-tidy-14"


def commands(build, root):
    """The compile command of each file that is ours to check."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(entry["file"])
        if path.is_relative_to(root) and path.relative_to(root).parts[0] in FOLDERS:
            yield entry


def preprocessed(entry):
    command = shlex.split(entry["command"])
    for option in ("-o", "-c"):
        at = command.index(option)
        del command[at:at + 2]
    result = subprocess.run(command + ["-E", entry["file"]], cwd=entry["directory"],
                            capture_output=True, check=False)
    return result.stdout


def fingerprint(entry, rules):
    own = Path(entry["file"]).read_bytes()  # for the NOLINT comments, which the compiler drops
    seen = rules + entry["command"].encode() + own + preprocessed(entry)
    return hashlib.sha256(seen).hexdigest()


def check(entry, build, rules, memory):
    mark = memory / fingerprint(entry, rules)
    if mark.exists():
        return None
    result = subprocess.run([TIDY, "--quiet", "-p", str(build), entry["file"]], text=True,
                            capture_output=True, check=False)
    if result.returncode == 0:
        mark.touch()
        return None
    return result.stdout + result.stderr


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root, build = Path.cwd(), Path(sys.argv[1]).resolve()
    rules = (root / ".clang-tidy").read_bytes()
    memory = build / "tidy"
    memory.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, entry, build, rules, memory) for entry in commands(build, root)]
        complaints = [job.result() for job in jobs if job.result()]
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
