# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""No rule of tests/mutants is behind the source: what it breaks is there, once, and so are its tests."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
RUN = SOURCE / "tests/mutants/run.py"


def check(source):
    """Exit code and output of the check of all rules against a tree."""
    done = subprocess.run([sys.executable, RUN, "--check", source], text=True, capture_output=True,
                          check=False)
    return done.returncode, done.stdout


def test_every_rule_finds_what_it_breaks():
    assert check(SOURCE) == (0, "")


def test_a_rule_that_finds_nothing_is_named(tmp_path):
    code, said = check(tmp_path)
    assert code == 1
    assert "BAD RULE  boot.txt:" in said
    assert "its old text is 0 times in src/boot/boot.c" in said
    assert "NO TEST   unit-boot_move\n" in said
