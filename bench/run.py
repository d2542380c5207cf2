# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Run every benchmark, bench/NAME.py, or those named: each has a main() that prints a table.

usage: run.py [NAME...]"""

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main():
    sys.path.insert(0, str(FOLDER))
    known = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "run")
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            sys.exit(f"there is no benchmark {name}; there are: {', '.join(known)}")
    for name in names:
        importlib.import_module(name).main()
        print(flush=True)


if __name__ == "__main__":
    main()
