# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Compressed images: the bytes of imgtool where its are reproducible, and right where it is not."""

import itertools
import random

import pytest

from images import dfu, done, imgtool, one_sentence, our_imgtool

BASE = ["-v", "1.2.3+4", "-S", "0x60000"]
HEAD = ["-H", "0x200", "--pad-header"]
FORMS = ["lzma2", "lzma2armthumb"]
COMPRESSED, THUMB, NON_BOOTABLE = 0x400, 0x800, 0x10


def branches(count):
    """Thumb code of a kind: words that come again, and BL instructions to few targets."""
    noise, out = random.Random(3), bytearray()
    words = [noise.randbytes(2) for _ in range(40)]
    for _ in range(count):
        out += noise.choice(words)
        if noise.random() < 0.2:
            offset = (noise.choice((0x100, 0x2000, 0x30000)) - len(out) - 4) // 2
            out += (0xf000 | offset >> 11 & 0x7ff).to_bytes(2, "little")
            out += (0xf800 | offset & 0x7ff).to_bytes(2, "little")
    return bytes(out)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    noise = random.Random(4)
    inputs = {
        "code": branches(6000), "odd": branches(501) + b"x", "zeros": bytes(150000),
        "noise": noise.randbytes(3000), "tiny": b"a" * 60, "empty": b"",
        "far": noise.randbytes(3000) + bytes(200000) + branches(3000) + noise.randbytes(40),
    }
    for name, data in inputs.items():
        (folder / f"{name}.bin").write_bytes(data)
        (folder / f"{name}-roomy.bin").write_bytes(bytes(0x200) + data)
    for kind in ("ed25519", "ecdsa-p256", "rsa-2048"):
        done(dfu("keygen", "-k", folder / f"{kind}.pem", "-t", kind))
    return folder


def flags(image):
    return int.from_bytes(image[16:20], "little")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["code", "odd", "zeros", "noise", "tiny", "empty", "far"])
def test_the_bytes_and_lines_are_imgtools(world, tmp_path, name, form):
    key = ["-k", world / "ed25519.pem"]
    for extra in ([], key, [*key, "--pure"], [*key, "-s", "7", "-d", "(1, 2.0)", "--vid", "a.org",
                  "--boot-record", "SPE", "--custom-tlv", "0xa0", "text"]):
        args = ["sign", *BASE, *HEAD, "--compression", form, *extra, world / f"{name}.bin"]
        printed = done(imgtool(*args, tmp_path / "theirs.bin"))
        assert done(our_imgtool(*args, tmp_path / "ours.bin")) == printed
        ours = (tmp_path / "ours.bin").read_bytes()
        assert ours == (tmp_path / "theirs.bin").read_bytes(), args
        done(dfu("verify", *(key if extra else []), tmp_path / "ours.bin"))
        if name != "tiny":  # which is smaller, but not with a second signature
            is_smaller = name not in ("noise", "empty")
            want = COMPRESSED | (THUMB if form == "lzma2armthumb" else 0) if is_smaller else 0
            assert flags(ours) == want


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
@pytest.mark.parametrize("form", FORMS)
def test_each_accepts_what_the_other_signed(world, tmp_path, kind, form):
    key = world / f"{kind}.pem"
    args = ["sign", *BASE, *HEAD, "-k", key, "--compression", form, world / "code.bin"]
    printed = done(imgtool(*args, tmp_path / "theirs.bin"))
    assert done(our_imgtool(*args, tmp_path / "ours.bin")) == printed
    for name in ("ours.bin", "theirs.bin"):
        assert done(dfu("verify", "-k", key, tmp_path / name)) == \
            done(imgtool("verify", "-k", key, tmp_path / name))


def test_the_flag_against_booting_is_kept_where_imgtool_loses_it(world, tmp_path):
    args = ["sign", *BASE, *HEAD, "--compression", "lzma2", "--non-bootable", world / "code.bin"]
    done(imgtool(*args, tmp_path / "theirs.bin"))
    done(dfu(*args, tmp_path / "ours.bin"))
    assert flags((tmp_path / "ours.bin").read_bytes()) == COMPRESSED | NON_BOOTABLE
    assert flags((tmp_path / "theirs.bin").read_bytes()) == COMPRESSED
    done(dfu("verify", tmp_path / "ours.bin"))
    one_sentence(dfu("verify", tmp_path / "theirs.bin"), 1, "hash does not match")


def test_what_an_image_decodes_to_must_fit_the_board(world, tmp_path):
    (tmp_path / "large.bin").write_bytes(bytes(1 << 20))
    args = ["sign", "-v", "1", *HEAD, "--board", "nrf52840dk", "--compression", "lzma2",
            tmp_path / "large.bin", tmp_path / "out.bin"]
    one_sentence(dfu(*args), 2, "decompressed", "smaller by")
    assert not (tmp_path / "out.bin").exists()


@pytest.mark.parametrize("extra", [["--vector-to-sign", "digest"],
                                   ["--fix-sig", "x", "--fix-sig-pubkey", "y"]])
def test_two_signatures_are_not_made_elsewhere(world, tmp_path, extra):
    one_sentence(dfu("sign", *BASE, *HEAD, "--compression", "lzma2", *extra, world / "code.bin",
                     tmp_path / "out.bin"), 2, "two signatures")


def test_every_byte_of_a_compressed_image_counts(world, tmp_path):
    key = ["-k", world / "ed25519.pem"]
    out = tmp_path / "out.bin"
    done(dfu("sign", *BASE, *HEAD, *key, "--compression", "lzma2", world / "code.bin", out))
    good = out.read_bytes()
    for at in [0, 17, 40, 0x200, 0x201, 0x210, *range(0x300, len(good), 997)]:
        bad = bytearray(good)
        bad[at] ^= 0x10
        out.write_bytes(bad)
        one_sentence(dfu("verify", *key, out), 1)
