# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""The runner of MCUboot's recordings tells when something differs: recordings with one word changed."""

import gzip
import json
import os
import subprocess
from pathlib import Path

RECORDINGS = Path(os.environ["DFU_SOURCE_DIR"]) / "tests/vectors/swap"
RUNNER = Path(os.environ["DFU_BINARY_DIR"]) / "tests/swap-vectors"


def case(name):
    """A recorded case by its id, MODE/SLUG."""
    with gzip.open(RECORDINGS / f"{name.split('/')[0]}.jsonl.gz", "rt") as lines:
        return next(found for found in map(json.loads, lines) if found["id"] == name)


def run(folder, *cases):
    """Exit code and output of the runner with these cases alone."""
    with gzip.open(folder / "some.jsonl.gz", "wt") as out:
        for one in cases:
            out.write(json.dumps(one) + "\n")
    done = subprocess.run([RUNNER, folder], text=True, capture_output=True, check=False)
    return done.returncode, done.stdout


def rows(of, which):
    """Outcomes after each cut of the case's first sweep, each once."""
    return [row[2] for row in of["sweeps"][0][which]]


def test_a_case_as_recorded_passes(tmp_path):
    code, out = run(tmp_path, case("move/wa8-ma8-n4-16-p3-test-revert"))
    assert code == 0 and out.endswith("1 passed, 0 failed\n")


def test_an_unknown_mode_fails(tmp_path):
    strange = case("move/wa8-ma8-n4-16-p3-test-revert")
    strange["mode"] = "sideways"
    code, out = run(tmp_path, case("move/wa8-ma8-n4-16-p3-test-revert"), strange)
    assert code == 1
    assert "mode sideways is not known" in out and out.endswith("1 passed, 1 failed\n")


def test_one_operation_more_than_recorded_after_a_cut_fails(tmp_path):
    thrifty = case("move/wa8-ma8-n4-16-p3-test-revert")
    thrifty["sweeps"][0]["ops"][20] -= 1
    code, out = run(tmp_path, thrifty)
    assert code == 1 and "step 1 cut 20 (next)" in out and "operations, right are" in out


def test_one_pair_more_than_recorded_fails(tmp_path):
    thrifty = case("move/pairs-0-perm")
    thrifty["pairs"][0]["pairs"] -= 1
    code, out = run(tmp_path, thrifty)
    assert code == 1 and "pairs, right are" in out


def test_another_hash_after_a_cut_fails_in_either_boot(tmp_path):
    for which in ("next", "then"):
        changed = case("scratch/wa8-ma8-n4-16-p3-test-revert")
        row = rows(changed, which)[0]
        row["sha8"]["pri"] = "00" * 8
        code, out = run(tmp_path, changed)
        assert code == 1 and f"({which}): pri is" in out


def test_what_a_bug_of_mcuboot_leaves_is_no_alternative(tmp_path):
    """B6 as if it were no bug: the request that MCUboot leaves behind is not right."""
    meek = case("overwrite-fast/wa8-ma8-n4-16-p3-test-revert")
    marked = [row for row in rows(meek, "next") if row.pop("bug", None) == "B6"]
    code, out = run(tmp_path, meek)
    assert marked and code == 1 and "sec is" in out
