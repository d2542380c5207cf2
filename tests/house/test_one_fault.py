# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""No single fault of the processor makes the bootloader run what it must not.

Each call and each conditional jump of src/boot, src/image, src/recovery and the microcontrollers'
main() that a start executes goes wrong once: the call is skipped, the jump goes the other way
(tests/fault/probe.c). The device holds an image that must not run, or a client of serial recovery
brings one: its signature or payload is wrong, its security counter too low or its key revoked; it
asks to be installed, is on trial, or is one of two. Whatever happens then, that image does not run,
nor another one beside it, and a good one is entered where it begins."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("DFU_BINARY_DIR", "build/test"))
PROBE = BUILD / "tests/fault-probe"
SOURCE = Path(os.environ.get("DFU_SOURCE_DIR", Path(__file__).parents[2]))
TIMES = (1, 2, 3)  # which execution of an instruction goes wrong
SCENARIOS = ["move-signature", "move-payload", "move-update", "offset-update", "scratch-update",
             "overwrite-update", "bootstrap-move", "bootstrap-overwrite", "xip", "ram", "single",
             "single-once", "loader-asked", "loader-instead", "encrypted-move",
             "encrypted-overwrite", "encrypted-ram", "compressed", "counter-move",
             "counter-update", "counter-xip", "counter-single", "revoked-move", "revoked-update",
             "revoked-ram", "two-move", "two-move-update", "two-offset-update",
             "two-scratch-update", "two-overwrite-update", "two-bootstrap", "two-xip",
             "two-single", "two-loader", "two-counter", "trial-move", "trial-offset", "trial-scratch",
             "trial-move-no-way-back", "trial-offset-no-way-back", "trial-scratch-no-way-back",
             "trial-both", "trial-xip", "trial-ram", "trial-two", "recovery-nobody",
             "recovery-looked-at", "recovery-window", "recovery-window-left", "recovery-asked",
             "recovery-asked-left", "recovery-instead", "recovery-marked"]


def functions():
    """Names of all functions of these folders and of main.c, static ones too."""
    names = {"boot_main", "recovery_main", "recover", "is_recovery_asked_for"}
    for folder in ("boot", "image", "recovery"):
        for path in (SOURCE / "src" / folder).glob("*.c"):
            names |= set(re.findall(r"^(?:\w[\w ]*[ *])?(\w+)\(", path.read_text(), re.M))
    return names


def sites():
    """Address, length, target (of a jump; 0 of a call) and results of what may go wrong. What is
    called through a pointer, the cryptography, is not given a result that it did not have."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", PROBE], text=True,
                          capture_output=True, check=True).stdout
    wanted, found, pending, is_ours = functions(), [], None, False
    for line in text.splitlines():
        start = re.match(r"[0-9a-f]+ <([\w.]+)>:", line)
        if start:
            is_ours, pending = start.group(1).split(".")[0] in wanted, None
            continue
        at = re.match(r"\s*([0-9a-f]+):\t(\S+)\s*(\S*)", line)
        if not at or not is_ours:
            continue
        address, name, operand = int(at.group(1), 16), at.group(2), at.group(3)
        if pending:
            found.append((pending[0], address - pending[0], *pending[1:]))
            pending = None
        if name.startswith("call"):
            pending = (address, 0, ("arg",) if operand.startswith("*") else ("arg", "0"))
        elif re.fullmatch(r"j(?!mp)\w+", name):
            pending = (address, int(operand, 16), ("arg",))
    return found


def probe(what, scenario, lines):
    done = subprocess.run([PROBE, what, scenario], text=True, input="\n".join(lines) + "\n",
                          capture_output=True, timeout=550)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.fixture(scope="module")
def all_sites():
    found = sites()
    assert len(found) > 1000
    return {site[0]: site for site in found}


def test_every_scenario_is_tried():
    names = subprocess.run([PROBE, "scenarios"], text=True, capture_output=True, check=True).stdout
    assert names.split() == SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_start_with_one_fault_runs_nothing_bad(all_sites, scenario):
    reached = probe("reached", scenario, [f"{address:x}" for address in all_sites])
    faults = []
    for address, length, target, results in (all_sites[int(line, 16)] for line in reached):
        for result in results:
            faults += [f"{address:x} {length} {target:x} {nth} {result}" for nth in TIMES]
    half = len(faults) // 2
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda part: probe("fault", scenario, part), (faults[:half], faults[half:]))
        outcomes = [outcome for part in parts for outcome in part]
    assert len(outcomes) == len(faults)
    count = {name: outcomes.count(name) for name in set(outcomes)}
    print(scenario, len(reached), "instructions;", count)
    assert count["refused"] > 200
    ran = [fault for fault, outcome in zip(faults, outcomes) if outcome == "ran"]
    assert not ran, "\n".join(f"{len(ran)} of {len(faults)} faults:" if i == 0 else fault
                              for i, fault in enumerate([None, *ran]))
