#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Break the boot code in one place at a time; some test must turn red each time.

usage: run.py [--list] [--check] [--only TEXT] SOURCE BUILD

The mutants are the rules in *.txt beside this file:

    == what the code does, and how it is broken
    file src/boot/decide.c
    red unit-decide power-move:pair
    --- old
        if (facts->done > 0) {
    --- new
        if (false) {

`old` must stand in the file exactly once. `red` names the tests that are run first; if they stay
green, all of TESTS are. NAME:WORD is a program of tests/ with --only WORD (power tests: their rows;
swap-vectors: the recordings that start with it). The sources are copied to
BUILD/src and built in BUILD/out, -O2 and without sanitizers; SOURCE is not touched. A mutant that
does not build is an error: it shows nothing. So is a rule whose `old` is gone; --check only looks for
such rules and for tests that there are not, and needs no BUILD.

Ends with "N passed, M failed": a mutant that is killed has passed.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 120  # a test that takes longer hangs, and that is red, too
# Everything that can turn red, the fastest first.
TESTS = ["unit-decide", "unit-trailer", "unit-slots", "unit-boot_refusals", "unit-boot_worn",
         "unit-boot_move", "unit-boot_overwrite", "unit-boot_pick", "unit-boot_ram",
         "unit-boot_single", "unit-boot_images", "unit-boot_keys", "unit-boot_counter",
         "unit-boot_shared", "unit-boot_encrypted", "unit-boot_encrypted_refusals",
         "unit-boot_encrypted_empty", "unit-boot_fill", "unit-boot_way_back", "unit-boot_units",
         "unit-boot_decompress", "unit-boot_skip",
         "unit-boot_scratch", "unit-boot_bad_flash", "unit-boot_bad_slots", "unit-boot_console",
         "unit-boot_uncovered", "unit-boot_defects", "unit-boot_outlook", "unit-boot_attempts",
         "unit-boot_history", "unit-boot_revoke", "unit-boot_progress", "unit-boot_logical",
         "unit-boot_parity", "unit-boot_lost_records",
         "unit-permit", "unit-verdict", "unit-recovery", "unit-recovery_life",
         "unit-recovery_upload", "unit-image_parts", "unit-image_vectors", "unit-image_encrypted",
         "unit-image_mutations", "unit-unpack", "unit-update", "power-single", "power-pick",
         "power-move:pair", "power-overwrite:pair", "power-scratch:pair", "power-offset:pair",
         "swap-vectors"]


class Rule:
    def __init__(self, origin, name):
        self.origin, self.name = origin, name
        self.file, self.red, self.old, self.new = None, [], [], []


def parse(path):
    """The rules of one file."""
    rules, part = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("== "):
            rules.append(Rule(f"{path.name}:{number}", line[3:].strip()))
            part = None
        elif line in ("--- old", "--- new"):
            part = line[4:]
        elif part and rules:
            getattr(rules[-1], part).append(line)
        elif line.startswith("file "):
            rules[-1].file = line[5:].strip()
        elif line.startswith("red "):
            rules[-1].red = line[4:].split()
        elif line.strip() and not line.startswith("#"):
            sys.exit(f"{path.name}:{number}: not a part of a rule: {line}")
    for rule in rules:
        rule.old, rule.new = ("\n".join(text).strip("\n") for text in (rule.old, rule.new))
        if not rule.file or not rule.old or rule.old == rule.new:
            sys.exit(f"{rule.origin}: needs file, old and another new")
    return rules


def copy_sources(source, target):
    """What git knows of; a file that has not changed keeps its time, so little is built again."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=source, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    wanted = {name for name in listed if name and (source / name).is_file()}
    for name in wanted:
        new, data = target / name, (source / name).read_bytes()
        if not new.exists() or new.read_bytes() != data:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(data)
    for old in target.rglob("*"):
        if old.is_file() and old.relative_to(target).as_posix() not in wanted:
            old.unlink()


class World:
    """The copy and its build."""

    def __init__(self, source, build):
        self.src, self.out = build / "src", build / "out"
        copy_sources(source, self.src)
        crates = self.src / "build/crates"
        crates.parent.mkdir(exist_ok=True)
        if not crates.exists():
            crates.symlink_to((source / "build/crates").resolve())
        zcbor = next(source.glob("build/venv/lib/python3*/site-packages/zcbor"))
        self.must("cmake", "-S", self.src, "-B", self.out, "-G", "Ninja", "-DDFUKIT_TESTS=ON",
                  "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-w",
                  "-DCMAKE_C_FLAGS_RELEASE=-O2", f"-DDFUKIT_ZCBOR_DIR={zcbor}")

    @staticmethod
    def must(*command):
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")

    def recordings(self, word):
        """The folder of all recordings, or one of those whose name starts with a word."""
        folder = self.src / "tests/vectors/swap"
        if not word:
            return folder
        some = self.out / f"recordings-{word}"
        some.mkdir(exist_ok=True)
        for path in folder.glob(f"{word}*.gz"):
            if not (some / path.name).exists():
                (some / path.name).symlink_to(path)
        return some

    def has(self, test):
        """Whether the tests have this program; a rule may be older or younger than it."""
        path = program_of(self.src, test)
        return path is None or path.exists()

    def build(self, programs):
        done = subprocess.run(["cmake", "--build", self.out, "-j2", "--target", *programs],
                              text=True, capture_output=True)
        return done.stdout if done.returncode else None

    def command(self, test):
        name, _, word = test.partition(":")
        if name == "swap-vectors":
            return [self.out / "tests" / name, self.recordings(word)]
        return [self.out / "tests" / name, *(["--only", word] if word else [])]

    def is_red(self, test):
        environment = dict(os.environ, DFU_BOARDS_DIR=str(self.out / "boards"))
        try:
            done = subprocess.run([str(word) for word in self.command(test)], timeout=SECONDS,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  cwd=self.src, env=environment)
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0

    def first_red(self, tests):
        """Build and run each; the first that is red, or None. A tuple: it does not build."""
        for test in filter(self.has, tests):
            log = self.build([test.partition(":")[0]])
            if log is not None:
                return ("does not build", log)
            if self.is_red(test):
                return test
        return None


def program_of(source, test):
    """The file of a test's program; None of the recordings', which is always there."""
    folder, _, name = test.partition(":")[0].partition("-")
    return None if folder == "swap" else source / f"tests/{folder}/test_{name}.c"


def out_of_date(rule, source):
    """Why a rule does not fit the sources; None if it does."""
    path = source / rule.file
    count = path.read_text(encoding="utf-8").count(rule.old) if path.is_file() else 0
    return None if count == 1 else f"its old text is {count} times in {rule.file}"


def unknown_tests(rules, source):
    """Those that are named, and are none."""
    named = {*TESTS, *(test for rule in rules for test in rule.red)}
    return sorted(test for test in named
                  if (path := program_of(source, test)) and not path.exists())


def try_rule(world, rule):
    """What killed the mutant; None if it lives; a tuple if the rule is no good."""
    path, wrong = world.src / rule.file, out_of_date(rule, world.src)
    if wrong:
        return ("is out of date", wrong)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(rule.old, rule.new), encoding="utf-8")
    try:
        return world.first_red([*rule.red, *(test for test in TESTS if test not in rule.red)])
    finally:
        path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[2][7:])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("build", type=Path, nargs="?")
    args = parser.parse_args()
    rules = [rule for path in sorted(HERE.glob("*.txt")) for rule in parse(path)
             if args.only in f"{rule.origin} {rule.file} {rule.name}"]
    rules.sort(key=lambda rule: rule.file)  # a file is built again where it changes
    if args.list:
        for rule in rules:
            print(f"{rule.file}: {rule.name}")
        return 0
    if args.check:
        stale = [(rule, wrong) for rule in rules if (wrong := out_of_date(rule, args.source))]
        for rule, wrong in stale:
            print(f"BAD RULE  {rule.origin}: {rule.name}: {wrong}")
        unknown = unknown_tests(rules, args.source)
        for test in unknown:
            print(f"NO TEST   {test}")
        return 1 if stale or unknown or not rules else 0
    started = time.monotonic()
    world = World(args.source.resolve(), args.build.resolve())
    hinted = list(dict.fromkeys(test for rule in rules for test in rule.red))
    red = world.first_red(hinted)
    if red:
        print(f"without any mutant: {red if isinstance(red, str) else red[1]} is red")
        return 1
    print(f"{len(rules)} mutants; ready after {time.monotonic() - started:.0f} s")
    failed = 0
    for rule in rules:
        begin = time.monotonic()
        result = try_rule(world, rule)
        seconds = time.monotonic() - begin
        if isinstance(result, str):
            print(f"killed    {rule.file}: {rule.name}: {result} ({seconds:.1f} s)", flush=True)
            continue
        failed += 1
        if result is None:
            print(f"SURVIVES  {rule.file}: {rule.name} ({rule.origin})", flush=True)
        else:
            print(f"BAD RULE  {rule.origin}: {rule.name} {result[0]}\n{result[1]}", flush=True)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{len(rules) - failed} passed, {failed} failed")
    return 1 if failed or not rules else 0


if __name__ == "__main__":
    sys.exit(main())
