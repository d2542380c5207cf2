# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Intel HEX in and out, beside the intelhex package that imgtool uses."""

import io
import random

import pytest
from intelhex import HexReaderError, IntelHex

from images import dfu, done, imgtool, one_sentence

SIGN = ["sign", "-v", "1.2.3", "-H", "32", "--pad-header", "-S", "0x40000"]


def record(kind, address, data=b""):
    raw = bytes([len(data), address >> 8 & 0xff, address & 0xff, kind]) + data
    return f":{raw.hex()}{-sum(raw) & 0xff:02X}"


END = record(1, 0)


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def program_of(path):
    """Where the program of an unsigned image begins, and its bytes with the gaps filled."""
    image = IntelHex(str(path))
    start = image.minaddr()
    size = int.from_bytes(bytes(image[start + at] for at in range(12, 16)), "little")
    return start + 32, bytes(image[start + 32 + at] for at in range(size))


def scattered(rng):
    """Records in any order and kind of addressing, lines ending as they like."""
    lines, taken = [], set()
    for _ in range(rng.randrange(1, 20)):
        segment = rng.random() < 0.5
        base, offset = rng.choice([0, 0x10000, 0x20000]), rng.randrange(0x100, 0xff00)
        data = rng.randbytes(rng.choice([1, 2, 16, 32, 255]))
        span = set(range(base + offset, base + offset + len(data)))
        if span & taken:
            continue
        taken |= span
        high = base >> 4 if segment else base >> 16
        lines.append(record(2 if segment else 4, 0, high.to_bytes(2, "big")))
        lines.append(record(0, offset, data))
        if rng.random() < 0.2:
            lines.append(rng.choice(["", record(0, 0x1234)]))
    lines.insert(rng.randrange(len(lines)), record(rng.choice([3, 5]), 0, bytes(4)))
    text = rng.choice(["\n", "\r\n"]).join([*lines, END])
    return (text.upper() if rng.random() < 0.5 else text) + rng.choice(["", "\n", "\r\n"])


def test_what_a_file_says_is_what_the_intelhex_package_reads(tmp_path):
    rng = random.Random(5)
    for number in range(40):
        path, out = tmp_path / f"{number}.hex", tmp_path / f"{number}.out.hex"
        path.write_text(scattered(rng), newline="")
        theirs = IntelHex(str(path))
        done(dfu(*SIGN, path, out))
        assert program_of(out) == (theirs.minaddr(), bytes(theirs.tobinarray()))


@pytest.mark.parametrize("base", ["0", "0xfff0", "0xffe1", "0x1ffff", "0x0800_0000", "0xffff0000"])
def test_the_lines_are_imgtools_wherever_the_image_lies(tmp_path, base):
    for size in (0, 1, 15, 16, 17, 5000):
        (tmp_path / "app.bin").write_bytes(random.Random(size).randbytes(size))
        for pad in ([], ["--confirm", "-S", "0x8000"], ["--test", "-S", "0x3000", "--align", "8"],
                    ["--pad", "--overwrite-only", "-S", "0x3000"]):
            args = [*SIGN, *pad, "-x", base, "app.bin"]
            done(imgtool(*args, "theirs.hex", cwd=tmp_path))
            done(dfu(*args, "ours.hex", cwd=tmp_path))
            assert (tmp_path / "ours.hex").read_bytes() == (tmp_path / "theirs.hex").read_bytes()


@pytest.mark.parametrize("base", [0, 0x20, 0x21, 0x8000])
def test_a_program_keeps_its_address_but_at_0_as_with_imgtool(tmp_path, base):
    write(tmp_path / "app.hex", record(0, base, b"a program"), END)
    for header in ([], ["-H", "512"]):
        theirs = imgtool(*SIGN, *header, "app.hex", "theirs.hex", cwd=tmp_path)
        ours = dfu(*SIGN, *header, "app.hex", "ours.hex", cwd=tmp_path)
        if 0 < base < 512 and header:
            one_sentence(ours, 2, "begins at")  # imgtool counts below 0, to a file nobody reads
            continue
        assert done(ours) == done(theirs) == b""
        assert (tmp_path / "ours.hex").read_bytes() == (tmp_path / "theirs.hex").read_bytes()


def test_what_lies_far_from_the_program_is_told(tmp_path):
    """As the options of an nRF52 at 0x10001000 would, behind a program at 0xc000."""
    program = record(0, 0xc000, b"program.")
    far = [record(4, 0, b"\x10\x00"), record(0, 0x1014, b"\0\0\1\0")]
    write(tmp_path / "both.hex", program, *far, END)
    write(tmp_path / "wide.hex", program, record(4, 0, b"\0\1"), record(0, 0xc008, b"x"), END)
    write(tmp_path / "near.hex", program, record(4, 0, b"\0\1"), record(0, 0xc007, b"x"), END)
    both = dfu(*SIGN, "both.hex", "out.bin", cwd=tmp_path)
    said = both.stderr.decode().splitlines()
    assert both.returncode == 2
    assert "both.hex has nothing from 0xc008 to 0x10001013" in said[0]
    assert "exceeds requested size" in said[1]
    wide = dfu(*SIGN, "wide.hex", "out.bin", cwd=tmp_path)
    done(wide)
    assert b"wide.hex has nothing from 0xc008 to 0x1c007, which is filled with 0xff" in wide.stderr
    near = dfu(*SIGN, "near.hex", "out.bin", cwd=tmp_path)
    done(near)
    assert near.stderr == b""


def test_a_name_decides_what_a_file_is(tmp_path):
    (tmp_path / "app.bin").write_bytes(b"program")
    for name in ("a.hex", "b.HEX", "c.Hex"):
        done(dfu(*SIGN, "-x", "0", "app.bin", name, cwd=tmp_path))
        assert (tmp_path / name).read_bytes().startswith(b":")
        assert b"correctly validated" in done(dfu("verify", name, cwd=tmp_path))
    for name in ("hex", ".hex", "d.hexx", "e.hex.bin"):
        done(dfu(*SIGN, "-x", "0", "app.bin", name, cwd=tmp_path))
        assert (tmp_path / name).read_bytes().startswith(b"\x3d\xb8\xf3\x96")


def test_a_file_without_data_is_an_empty_program(tmp_path):
    write(tmp_path / "empty.hex", record(5, 0, bytes(4)), END)
    done(dfu(*SIGN, "empty.hex", "out.bin", cwd=tmp_path))
    assert len((tmp_path / "out.bin").read_bytes()) == 32 + 4 + 36
    one_sentence(dfu(*SIGN, "empty.hex", "out.hex", cwd=tmp_path), 2, "-x/--hex-addr")


BAD = [
    ("overlap", [record(0, 0x10, b"abcd"), record(0, 0x13, b"e"), END],
     ["two bytes for address 0x13", "line 2"]),
    ("same byte twice", [record(0, 0x10, b"a"), record(0, 0x10, b"a"), END], ["0x10"]),
    ("checksum", [record(0, 0x10, b"abcd")[:-2] + "00", END], ["line 1", "checksum"]),
    ("cut line", [record(0, 0x10, b"abcd")[:-2], END], ["line 1", "as long as it says"]),
    ("half a byte", [record(0, 0x10, b"abcd")[:-1], END], ["line 1", "hexadecimal"]),
    ("no colon", ["", "hello", END], ["line 2", "colon"]),
    ("no end", [record(0, 0x10, b"abcd")], ["no end record"]),
    ("unknown type", [record(6, 0), END], ["line 1", "unknown type"]),
    ("long address", [record(4, 0, b"abc"), END], ["line 1", "wrong length"]),
    ("far apart", [record(0, 0, b"a"), record(4, 0, b"\x80\x00"), record(0, 0, b"b"), END],
     ["more than a slot", "0x80000001"]),
    ("beyond 4 GiB", [record(4, 0, b"\xff\xff"), record(0, 0xffff, b"ab"), END], ["beyond 4 GiB"]),
    ("text", ["\u00e9" * 3000], ["line 1"]),
]


@pytest.mark.parametrize("lines, words", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_file_that_is_not_sound_is_refused_with_its_line(tmp_path, lines, words):
    path = write(tmp_path / "bad.hex", *lines)
    for args in ([*SIGN, path, tmp_path / "out.bin"], ["verify", path], ["dumpinfo", path]):
        one_sentence(dfu(*args), 2, "bad.hex", *words)
    assert not (tmp_path / "out.bin").exists()


def test_no_damage_to_a_file_gets_through_or_crashes(tmp_path):
    """Whatever the intelhex package refuses, we refuse; what both take is the same program. (We
    also refuse what has no end record.)"""
    rng = random.Random(6)
    out = tmp_path / "out.hex"
    for number in range(120):
        text = bytearray(scattered(rng), "ascii")
        for _ in range(rng.choice([1, 1, 3])):
            at = rng.randrange(len(text))
            damage = rng.randrange(3)
            if damage == 0:
                text[at] = rng.choice(b"0123456789ABCDEFabcdef:\n \xff")
            elif damage == 1:
                del text[at:at + rng.choice([1, 2, 40])]
            else:
                text[at:at] = bytes(rng.choice(b"0123456789ABCDEF:\n") for _ in range(2))
        path = tmp_path / "damaged.hex"
        path.write_bytes(text)
        result = dfu(*SIGN, "-x", "0", path, out)
        try:
            theirs = IntelHex(io.StringIO(text.decode("latin-1")))
        except HexReaderError:
            theirs = None
        if result.returncode == 0:
            assert theirs is not None, (number, bytes(text))
            assert program_of(out)[1] == bytes(theirs.tobinarray())
        else:
            one_sentence(result, 2, "damaged.hex" if b"exceeds" not in result.stderr else "exceeds")


def test_an_output_needs_an_address_that_leaves_room(tmp_path):
    (tmp_path / "app.bin").write_bytes(b"program")
    write(tmp_path / "low.hex", record(0, 0x10, b"abcd"), END)
    one_sentence(dfu(*SIGN, "app.bin", "out.hex", cwd=tmp_path), 2, "-x/--hex-addr")
    one_sentence(dfu(*SIGN, "low.hex", "out.hex", cwd=tmp_path), 2, "begins at 0x10", "0x20 bytes")
    one_sentence(dfu(*SIGN, "-x", "0xfffffff0", "app.bin", "out.hex", cwd=tmp_path), 2,
                 "beyond 4 GiB")
    one_sentence(dfu(*SIGN, "-x", "0x100000000", "app.bin", "out.hex", cwd=tmp_path), 2,
                 "-x/--hex-addr", "outside")
    assert not (tmp_path / "out.hex").exists()
    done(dfu(*SIGN, "low.hex", "out.bin", cwd=tmp_path))
