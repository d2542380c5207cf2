#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""No tracked file names a developer's own folders or the host of a package registry.

usage: check_words.py ROOT
"""

import re
import subprocess
import sys
from pathlib import Path

# Put together from parts, so that this file does not find itself.
FOLDERS = ["work", "root"]
HOSTS = [
    ("pypi", "org"), ("pythonhosted", "org"), ("crates", "io"), ("proxy.golang", "org"),
    ("registry.npmjs", "org"), ("maven", "org"), ("repo.maven.apache", "org"),
    ("deb.debian", "org"), ("security.debian", "org"),
]
WORDS = re.compile("|".join(
    [rf"(?<![\w.$}}-])/{folder}/" for folder in FOLDERS]
    + [re.escape(".".join(host)) for host in HOSTS]))


def tracked(root):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True,
                            check=True).stdout
    return [root / name for name in listed.split("\0") if name]


def findings(root):
    for path in tracked(root):
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        if "\0" in text:
            continue  # not a text
        for number, line in enumerate(text.splitlines(), 1):
            match = WORDS.search(line)
            if match:
                yield f"{path.relative_to(root)}:{number}: names {match.group(0)}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(findings(Path(sys.argv[1])))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
