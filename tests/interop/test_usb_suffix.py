# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""`dfu suffix` against the real dfu-suffix: each reads and removes what the other wrote."""

import re

import pytest

from virtual_device import DFU, run

CONTENTS = {"digits": b"123456789", "empty": b"", "all": bytes(range(256)), "long": b"\x5a" * 99999}
IDS = [("ffff", "ffff", "ffff", "0100"), ("2fe3", "0100", "0200", "0100"),
       ("1234", "5678", "0001", "011a")]


def ours(*words, expect=0):
    done = run(DFU, "suffix", *words)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def theirs(*words, expect=0):
    done = run("dfu-suffix", *words)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def values(text):
    return [int(value, 0) for value in
            re.findall(r"^(?:BCD device|Product ID|Vendor ID|BCD DFU|Length|CRC):\s+(\w+)$", text,
                       flags=re.M)]


@pytest.mark.parametrize("vid, pid, did, spec", IDS)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_both_tools_make_the_same_file(tmp_path, content, vid, pid, did, spec):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(content)
    b.write_bytes(content)
    ours("add", "-v", vid, "-p", pid, "--did", did, "-S", spec, a)
    theirs("-v", vid, "-p", pid, "-d", did, "-S", spec, "-a", b)
    assert a.read_bytes() == b.read_bytes()
    assert len(values(ours("check", b))) == 6
    assert values(ours("check", b)) == values(theirs("-c", a))
    ours("delete", b)
    theirs("-D", a)
    assert a.read_bytes() == b.read_bytes() == content


def test_a_second_suffix_is_refused_and_none_is_said(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"firmware")
    assert "no valid DFU suffix" in ours("check", file, expect=1)
    assert "no valid DFU suffix" in ours("delete", file, expect=1)
    ours("add", file)
    before = file.read_bytes()
    assert "already" in ours("add", file, expect=1)
    theirs("-a", file, expect=65)
    assert file.read_bytes() == before


@pytest.mark.parametrize("at", [0, 3, 20, 28])
def test_a_damaged_suffix_is_none(tmp_path, at):
    file = tmp_path / "file"
    file.write_bytes(b"f" * 16)
    ours("add", file)
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    ours("check", file, expect=1)
    theirs("-c", file, expect=65)


@pytest.mark.parametrize("option", [["-v", "12345"], ["-p", "xyz"], ["-S", "0110"], ["-v", ""]])
def test_an_id_that_is_none_is_refused(tmp_path, option):
    file = tmp_path / "file"
    file.write_bytes(b"firmware")
    ours("add", *option, file, expect=2)
    assert file.read_bytes() == b"firmware"
